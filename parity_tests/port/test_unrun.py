"""What never ran: carried where it is small, else left out by name; and what a package does to Paddle's own classes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

pytest.importorskip("libcst")

from nlblocks.port.job import Job
from nlblocks.port.observe import Place, Record, Seen
from nlblocks.port.observe.record import FileRecord
from nlblocks.port.port import translate
from nlblocks.port.rewrite import Ported
from nlblocks.port.text import WatchedText
from nlblocks.port.unrun import _is_inherited

LONG = "".join(f"    size += {n}\n" for n in range(400))
FILES = "def save(size):\n" + LONG + "    return size\n\n\ndef halved(size):\n    return size / 2\n"
HOUSE = """from shop.files import halved, save


class Base:
    def halve(self):
        return halved(self.size)

    def store(self):
        save(self.size)

    def store_all(self):
        self.store()

    @classmethod
    def load(cls):
        return save(cls)


class House(Base):
    def __init__(self):
        self.size = 3
        self.loads = hasattr(self, "load")
"""


def ported(folder: Path, entry: str, files: Mapping[str, str], ran: Mapping[str, FileRecord]) -> dict[str, Ported]:
    """A port of files, by module, after a run that entered only what is told."""
    for name, text in files.items():
        path = folder / "sources" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    job = Job.of([entry], folder / "out", path=[folder / "sources"], kwargs="", inputs=(), weights=(), setup=None)
    paths = {name.removesuffix(".py").replace("/", "."): str(folder / "sources" / name) for name in files}
    return translate(job, Record(dict(ran), paths, whole=True))


def test_what_never_ran_and_is_long_raises_by_its_name(tmp_path) -> None:
    text = "from shop.files import save\n\n\ndef price(kept):\n    return save(1) if kept else 2\n"
    found = ported(
        tmp_path, "shop.net:price", {"shop/net.py": text, "shop/files.py": FILES}, {"shop.net": FileRecord(entered={4})}
    )
    assert "save = NotPorted('shop.files.save: it never ran" in found["shop.net"].text
    assert [one.api for one in found["shop.net"].refused] == ["shop.files.save"]
    assert "shop.files" not in found


def test_what_never_ran_and_is_short_is_carried(tmp_path) -> None:
    text = "from shop.files import halved\n\n\ndef price(kept):\n    return halved(1) if kept else 2\n"
    files = {"shop/net.py": text, "shop/files.py": FILES}
    found = ported(tmp_path, "shop.net:price", files, {"shop.net": FileRecord(entered={4})})
    assert found["shop.files"].text == "def halved(size):\n    return size / 2\n"


@pytest.fixture
def house(tmp_path) -> dict[str, Ported]:
    files = {"shop/net.py": HOUSE, "shop/files.py": FILES}
    return ported(tmp_path, "shop.net:House", files, {"shop.net": FileRecord(entered={20})})


def test_a_method_that_never_ran_goes_with_what_it_needs_and_with_what_needs_it(house) -> None:
    assert "store" not in house["shop.net"].text
    assert [one.name for one in house["shop.net"].left] == ["Base.halve", "Base.store", "Base.store_all"]


def test_a_method_that_never_ran_raises_where_something_asks_for_it(house) -> None:
    text = house["shop.net"].text
    assert "    @classmethod\n    def load(cls, *args, **kwargs):\n        not_ported('Base.load" in text


def test_a_method_that_never_ran_stays_where_all_that_it_names_does(tmp_path) -> None:
    text = HOUSE.replace("self.size = 3", "self.size = halved(3)")
    files = {"shop/net.py": text, "shop/files.py": FILES}
    ran = {"shop.net": FileRecord(entered={20}), "shop.files": FileRecord(entered={405})}
    found = ported(tmp_path, "shop.net:House", files, ran)
    assert "    def halve(self):\n        return halved(self.size)\n" in found["shop.net"].text


def test_a_method_that_takes_the_place_of_an_assigned_one_never_just_goes(tmp_path) -> None:
    text = "from shop.files import halved, save\n\n\nclass Base:\n    run_all = halved\n\n\n"
    text += "class House(Base):\n    def __init__(self):\n        self.size = 3\n\n"
    text += "    def run_all(self):\n        return save(self.size)\n"
    ran = {"shop.net": FileRecord(entered={9}), "shop.files": FileRecord(entered={405})}
    found = ported(tmp_path, "shop.net:House", {"shop/net.py": text, "shop/files.py": FILES}, ran)
    assert "    def run_all(self, *args, **kwargs):\n        not_ported('House.run_all" in found["shop.net"].text


def test_what_an_enumeration_asks_of_its_class_never_just_goes() -> None:
    assert all(map(_is_inherited, ["_missing_", "_generate_next_value_", "value", "move_to_end"]))


def test_a_method_that_takes_the_place_of_a_bases_never_just_goes() -> None:
    torch = pytest.importorskip("torch")
    names = {name for name in dir(torch.nn.Module) if not name.startswith("_")} - {"T_destination"}
    names -= {"call_super_init", "dump_patches"}  # no methods
    assert [name for name in sorted(names) if not _is_inherited(name)] == []


def test_a_class_that_was_only_shown_is_not_carried(tmp_path) -> None:
    text = "class Kind(type):\n    def __init__(cls, *given):\n        cls.deep = getattr(cls, 'deep', 0)\n\n\n"
    text += "class Left(metaclass=Kind):\n    def far(self):\n        return 1\n\n\n"
    text += "class Right(metaclass=Kind):\n    def near(self):\n        return 2\n"
    seen = Place(callees={"builtins:getattr"}, arguments={"0": Seen({"class:net:Left", "class:net:Right"})})
    found = ported(
        tmp_path, "net:Right", {"net.py": text}, {"net": FileRecord({(3, 19, 3, 44): seen}, entered={2, 12})}
    )
    assert "class Left" not in found["net"].text
    assert "class Right(metaclass=Kind)" in found["net"].text


def test_a_run_that_was_not_whole_leaves_nothing_out(tmp_path) -> None:
    path = tmp_path / "net.py"
    path.write_text(FILES + "\n\ndef price(kept):\n    return save(1) if kept else 2\n")
    job = Job.of(["net:price"], tmp_path / "out", path=[tmp_path], kwargs="", inputs=(), weights=(), setup=None)
    record = Record({"net": FileRecord(entered={409})}, {"net": str(path)})
    assert "def save(" in translate(job, record)["net"].text


def test_a_class_of_paddles_that_a_package_changes_lives_where_it_is_changed(tmp_path) -> None:
    changes = "import paddle\n\n\ndef twice(self, src, src_mask=None):\n    return src + src\n\n\n"
    changes += "paddle.nn.TransformerEncoder.forward = twice\n"
    uses = "from paddle import nn\nimport changes\n\n\ndef net():\n"
    uses += "    return nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), 1)\n"
    ran = {"net": FileRecord(entered={5}), "changes": FileRecord(entered={4})}
    found = ported(tmp_path, "net:net", {"net.py": uses, "changes.py": changes}, ran)
    assert "from changes_torch import TransformerEncoder\n" in found["net"].text
    assert "class TransformerEncoder(" not in found["net"].text
    assert "class TransformerEncoder(nn.Module)" in found["changes"].text
    assert "TransformerEncoder.forward = twice\n" in found["changes"].text


def test_a_logger_of_the_packages_own_make_is_pythons(tmp_path) -> None:
    text = "class Logger:\n    def info(self, said):\n        print(said)\n\n\nlogger = Logger()\n\n\n"
    text += "def net():\n    logger.info('built')\n"
    ran = {"net": FileRecord(own_loggers={"logger": "shop"}, entered={2, 9})}
    found = ported(tmp_path, "net:net", {"net.py": text}, ran)
    assert "logger = logging.getLogger('shop')\n" in found["net"].text
    assert "class Logger" not in found["net"].text


def test_a_ported_module_is_named_by_its_new_name_in_text(tmp_path) -> None:
    text = "def net(made):\n    return made.__module__ == 'shop.net'\n"
    found = ported(tmp_path, "shop.net:net", {"shop/net.py": text}, {"shop.net": FileRecord(entered={1})})
    assert "made.__module__ == 'shop_torch.net'" in found["shop.net"].text


def test_an_import_in_a_function_is_kept(tmp_path) -> None:
    text = "def net():\n    import json\n    from shop.files import halved\n\n    return json.dumps(halved(3))\n"
    files = {"shop/net.py": text, "shop/files.py": FILES}
    found = ported(tmp_path, "shop.net:net", files, {"shop.net": FileRecord(entered={1})})
    assert "    import json\n    from shop_torch.files import halved\n" in found["shop.net"].text


def test_six_gives_a_metaclass_in_the_brackets(tmp_path) -> None:
    pytest.importorskip("six")
    text = "import six\n\n\nclass Kind(type):\n    pass\n\n\n@six.add_metaclass(Kind)\nclass Net(dict):\n    pass\n"
    found = ported(tmp_path, "net:Net", {"net.py": text}, {"net": FileRecord()})
    assert "class Net(dict, metaclass=Kind):\n" in found["net"].text
    assert "six" not in found["net"].text


@pytest.mark.parametrize(
    ("given", "wanted"), [("_epsilon = 0.1", "layer.eps = 0.1"), ("_momentum = 0.1", "not_ported(")]
)
def test_what_a_layer_keeps_is_set_under_torchs_name_or_refused(given: str, wanted: str) -> None:
    text = WatchedText(f"import paddle\nlayer = paddle.nn.BatchNorm2D(3)\ndef change():\n    layer.{given}\nchange()\n")
    text.run(["layer"])
    assert wanted in text.port().text
