"""Products, norms, decompositions and transforms, as functions and methods."""

from __future__ import annotations

from nlblocks.port.table.row import Row, api, case, dropped, only, to, when

WHOLE = dropped("all axes")


def _product(name: str, x: str, y: str, *, signature: str = "x, y, name=None", second: str = "other") -> Row:
    first_name, second_name = (part.strip() for part in signature.split(",")[:2])
    return api(
        f"paddle.{name}({signature})",
        f"torch.{name}(input, {second})",
        {first_name: "input", second_name: second},
        case(f"paddle.{name}(x, y)", x=x, y=y),
        case(f"x.{name}(y)", x=x, y=y),
        case(f"paddle.{name}({first_name}=x, {second_name}=y)", x=x, y=y),
        also=f"Tensor.{name}",
        method=name,
    )


def _fft(name: str, real: bool = False, back: bool = False) -> Row:
    several = name.endswith(("2", "n"))
    size, axis = ("s", "axes") if several else ("n", "axis")
    start = "(-2, -1)" if name.endswith("2") else "None" if several else "-1"
    given = "x" if real and not back else "paddle.as_complex(x)"
    shape = "f3,4,6" if real and not back else "f3,4,6,2"
    ending = "" if real and back else ".abs()"
    return api(
        f"paddle.fft.{name}(x, {size}=None, {axis}={start}, norm='backward', name=None)",
        f"torch.fft.{name}(input, {size}=None, dim={start}, norm=None)",
        {"x": "input", axis: to("dim", "items"), size: to(size, "items")},
        case(f"paddle.fft.{name}({given}){ending}", x=shape),
        case(f"paddle.fft.{name}({given}, norm='ortho'){ending}", x=shape),
        case(f"paddle.fft.{name}({given}, {axis}={'[0, 1]' if several else 1}){ending}", x=shape),
        case(
            f"paddle.fft.{name}({given}, {'[4, 4]' if several else 4}, {'[0, 2]' if several else 1}){ending}", x=shape
        ),
    )


ROWS = (
    api(
        "paddle.matmul(x, y, transpose_x=False, transpose_y=False, name=None)",
        "torch.matmul(input, other)",
        {"x": "input", "y": "other", "transpose_x": only(False), "transpose_y": only(False)},
        case("paddle.matmul(x, y)", x="f2,3,4", y="f2,4,5"),
        case("paddle.matmul(x, y, transpose_y=True)", x="f2,3,4", y="f2,5,4"),
        case("paddle.matmul(x, y, transpose_x=True)", x="f2,4,3", y="f2,4,5"),
        case("x.matmul(y, False, True)", x="f2,3,4", y="f5,4"),
        case("paddle.matmul(x=x, y=y + 1, transpose_x=True, transpose_y=True)", x="f4,3", y="f5,4"),
        case("x.matmul(y)", x="f4,3", y="f3"),
        case("flip = True\npaddle.matmul(x, y, transpose_y=flip)", x="f4,3", y="f5,3"),
        variants=(
            when(
                "torch.matmul({input}, {other}.transpose(-2, -1))",
                {"transpose_y": dropped("written out")},
                transpose_x=(False,),
                transpose_y=(True,),
            ),
            when(
                "torch.matmul({input}.transpose(-2, -1), {other})",
                {"transpose_x": dropped("written out")},
                transpose_x=(True,),
                transpose_y=(False,),
            ),
            when(
                "torch.matmul({input}.transpose(-2, -1), {other}.transpose(-2, -1))",
                {"transpose_x": dropped("written out"), "transpose_y": dropped("written out")},
                transpose_x=(True,),
                transpose_y=(True,),
            ),
        ),
        also="Tensor.matmul paddle.linalg.matmul",
        method="matmul",
        notes="of a vector the flags change nothing in Paddle; torch raises",
    ),
    _product("bmm", "f2,3,4", "f2,4,5", second="mat2"),
    api(
        "paddle.mm(input, mat2, name=None)",
        "torch.matmul(input, other)",
        {"mat2": "other"},
        case("paddle.mm(x, y)", x="f3,4", y="f4,5"),
        case("x.mm(mat2=y)", x="f3,4", y="f4"),
        case("paddle.mm(input=x, mat2=y)", x="f2,3,4", y="f4,5"),
        also="Tensor.mm",
        method="matmul",
        notes="takes vectors and batches too, which torch's mm does not",
    ),
    _product("mv", "f3,4", "f4", signature="x, vec, name=None", second="vec"),
    api(
        "paddle.outer(x, y, name=None)",
        "torch.outer(input, vec2)",
        {"x": "input", "y": "vec2"},
        case("paddle.outer(x, y)", x="f3", y="f4"),
        case("x.outer(y)", x="f3", y="f4"),
        also="Tensor.outer",
        method="outer",
        notes="Paddle flattens what has several axes, torch raises",
    ),
    api(
        "paddle.dot(x, y, name=None)",
        "({x} * {y}).sum(-1)",
        {},
        case("paddle.dot(x, y)", x="f3", y="f3"),
        case("x.dot(y) * 2", x="f3,4", y="f3,4"),
        also="Tensor.dot",
    ),
    api(
        "paddle.cross(x, y, axis=9, name=None)",
        "torch.cross({x}, {y}, dim={axis})",
        {},
        case("paddle.cross(x, y, axis=1)", x="f4,3", y="f4,3"),
        variants=(when(None, why="the first axis of extent 3: say which", axis=(9,)),),
        also="Tensor.cross",
    ),
    api(
        "paddle.kron(x, y, name=None)",
        "torch.kron(input, other)",
        {"x": "input", "y": "other"},
        case("paddle.kron(x, y)", x="f2,3", y="f3,2"),
        also="Tensor.kron",
        method="kron",
    ),
    api(
        "paddle.einsum(equation, *operands)",
        "torch.einsum(equation, *operands)",
        {},
        case("paddle.einsum('bchw,bcij->bhwij', x, y)", x="f2,3,4,5", y="f2,3,2,2"),
        case("paddle.einsum('ij->ji', x)", x="f3,4"),
        case("equation = 'bij,bjk->bik'\npaddle.einsum(equation, x, y)", x="f2,3,4", y="f2,4,5"),
    ),
    api(
        "paddle.addmm(input, x, y, beta=1.0, alpha=1.0, name=None)",
        "torch.addmm(input, mat1, mat2, *, beta=1, alpha=1)",
        {"x": "mat1", "y": "mat2"},
        case("paddle.addmm(z, x, y)", x="f3,4", y="f4,5", z="f3,5"),
        case("paddle.addmm(z, x, y, beta=0.5, alpha=2.0)", x="f3,4", y="f4,5", z="f3,5"),
    ),
    api(
        "paddle.inverse(x, name=None)",
        "torch.linalg.inv({x})",
        {},
        case("paddle.inverse(x + paddle.eye(4) * 9)", x="f4,4"),
        case("(x + paddle.eye(4) * 9).inverse()", x="f2,4,4"),
        also="Tensor.inverse paddle.linalg.inv",
    ),
    api(
        "paddle.linalg.det(x, name=None)",
        "torch.linalg.det({x})",
        {},
        case("paddle.linalg.det(x)", x="f3,3"),
        also="Tensor.det",
    ),
    api(
        "paddle.linalg.cholesky(x, upper=False, name=None)",
        "torch.linalg.cholesky({x}, upper={upper})",
        {},
        case("paddle.linalg.cholesky(x @ x.transpose([1, 0]) + paddle.eye(3), upper=True)", x="f3,3", grad=False),
        case("paddle.linalg.cholesky(x @ x.transpose([1, 0]) + paddle.eye(3))", x="f3,3", grad=False),
        also="paddle.cholesky",
    ),
    api(
        "paddle.linalg.solve(x, y, left=True, name=None)",
        "torch.linalg.solve({x}, {y})",
        {"left": only(True)},
        case("paddle.linalg.solve(x + paddle.eye(4) * 9, y)", x="f4,4", y="f4,2"),
    ),
    api(
        "paddle.norm(x, p=None, axis=None, keepdim=False, out=None, dtype=None, name=None)",
        "torch.linalg.vector_norm(input, ord=2, dim=None, keepdim=False)",
        {"x": "input", "p": "ord", "axis": to("dim", "axes"), "out": only(None), "dtype": only(None)},
        case("paddle.norm(x)"),
        case("paddle.norm(x, p=2, axis=1, keepdim=True)"),
        case("x.norm(p=1, axis=-1)"),
        case("paddle.norm(x, 2, -1, True)"),
        case("paddle.norm(x, p=float('inf'), axis=1)"),
        case("x.norm()"),
        case("paddle.norm(x, p=1)", x="f3,4"),
        case("x.norm(2)", x="f3,4"),
        case("x.norm(axis=-1, keepdim=True)"),
        case("paddle.norm(x, 'fro', axis=[2, 3])"),
        case("paddle.norm(x, p='fro')"),
        variants=(
            when(
                "torch.linalg.vector_norm(input, *, dim=None, keepdim=False)", {"p": only(None, "fro")}, p=(None, "fro")
            ),
            when(None, why="a norm of matrices", axis="list"),
            when("torch.linalg.vector_norm(input, *, dim=None, keepdim=False)", {"p": only(2, 2.0)}, p=(2, 2.0)),
        ),
        also="Tensor.norm paddle.linalg.norm",
    ),
    api(
        "paddle.linalg.vector_norm(x, p=2.0, axis=None, keepdim=False, name=None, *, dtype=None)",
        "torch.linalg.vector_norm(input, ord=2, dim=None, keepdim=False)",
        {"x": "input", "p": "ord", "axis": to("dim", "items"), "dtype": only(None)},
        case("paddle.linalg.vector_norm(x)"),
        case("paddle.linalg.vector_norm(x, 1.0, axis=[1, 2], keepdim=True)"),
    ),
    api(
        "paddle.dist(x, y, p=2, name=None)",
        "torch.dist(input, other, p=2)",
        {"x": "input", "y": "other"},
        case("paddle.dist(x, y)", x="f3,4", y="f3,4"),
        case("paddle.dist(x, y, p=1)", x="f3,4", y="f3,4"),
    ),
    api(
        "paddle.cdist(x, y, p=2.0, compute_mode='use_mm_for_euclid_dist_if_necessary', name=None)",
        "torch.cdist(x1, x2, p=2.0, compute_mode='use_mm_for_euclid_dist_if_necessary')",
        {"x": "x1", "y": "x2"},
        case("paddle.cdist(x, y, compute_mode='donot_use_mm_for_euclid_dist')", x="f3,4", y="f5,4"),
        case("paddle.cdist(x, y)", x="f3,4", y="f5,4"),
        case("paddle.cdist(x, y, p=1.0)", x="f3,4", y="f5,4"),
    ),
    api(
        "paddle.linalg.svd(x, full_matrices=False, name=None)",
        "torch.linalg.svd({x}, full_matrices={full_matrices})",
        {},
        case("paddle.linalg.svd(x, full_matrices=True)[1]", x="f4,3", grad=False),
        case("paddle.linalg.svd(x)[1]", x="f4,3"),
        notes="signs of singular vectors are free",
    ),
    *(_fft(name) for name in ("fft", "ifft", "fft2", "ifft2", "fftn", "ifftn")),
    *(_fft(name, real=True) for name in ("rfft", "rfft2", "rfftn")),
    *(_fft(name, real=True, back=True) for name in ("irfft", "irfft2", "irfftn")),
    *(
        api(
            f"paddle.fft.{name}(x, axes=None, name=None)",
            f"torch.fft.{name}(input, dim=None)",
            {"x": "input", "axes": to("dim", "items")},
            case(f"paddle.fft.{name}(x)"),
            case(f"paddle.fft.{name}(x, axes=[2, 3])"),
        )
        for name in ("fftshift", "ifftshift")
    ),
)
