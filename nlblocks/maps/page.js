'use strict';
// Draws the maps of the data in #maps: those under the pointer, of every layer at once.
(() => {
  const LEVELS = 255; // as in page.py
  const MARK = '#00e5ff';
  const WIDE = 560; // pixels of a canvas, at least: its lines stay sharp
  const data = JSON.parse(document.getElementById('maps').textContent);
  const byId = (id) => document.getElementById(id);
  const bytes = (text) => {
    const letters = atob(text), found = new Uint8Array(letters.length);
    for (let at = 0; at < letters.length; at++) found[at] = letters.charCodeAt(at); // ten times as fast as from()
    return found;
  };
  const floats = (text) => new Float32Array(bytes(text).buffer);
  const colours = { true: bytes(data.colours.true), false: bytes(data.colours.false) };
  const short = (value) => (value === 0 ? '0' : Number(value).toPrecision(3));
  const make = (tag, parent, text = '') => {
    const made = document.createElement(tag);
    made.textContent = text;
    parent.append(made);
    return made;
  };
  const sheet = (width, height) => {
    const canvas = document.createElement('canvas');
    canvas.width = width;
    canvas.height = height;
    return canvas;
  };

  // A layer of the data with its numbers: rows of codes, each from its low to its high.
  const opened = (layer) => {
    const low = floats(layer.low), high = floats(layer.high);
    const kept = layer.grid.map((extent) => Math.ceil(extent / layer.step));
    const codes = bytes(layer.codes), length = codes.length / low.length;
    const value = (row, index) => low[row] + (codes[row * length + index] / LEVELS) * (high[row] - low[row]);
    return { ...layer, low, high, codes, kept, length, value };
  };

  // The position of a layer's grid that a place in the image, in pixels, lies in: of those that are kept.
  const cellOf = (layer, picture, place) => layer.grid.map((extent, axis) => {
    const cell = Math.min(extent - 1, Math.floor((place[axis] * extent) / picture.size[axis]));
    return cell - (cell % layer.step);
  });
  const rowOf = (layer, cell) => (cell[0] / layer.step) * layer.kept[1] + cell[1] / layer.step;

  // A picture of codes [h, w] in a layer's colours; -1 is left out.
  const painted = (layer, codes, height, width) => {
    const canvas = sheet(width, height), context = canvas.getContext('2d');
    const image = context.createImageData(width, height), table = colours[layer.diverging];
    codes.forEach((code, index) => {
      if (code < 0) return;
      image.data.set(table.subarray(3 * code, 3 * code + 3), 4 * index);
      image.data[4 * index + 3] = 255;
    });
    context.putImageData(image, 0, 0);
    return canvas;
  };

  const oneImage = (layer) => ['mask', 'region'].includes(layer.meaning); // the same from each position

  // What a position reads, on the grid that it reads of: the codes, the grid, and how far it reaches over the image.
  const laid = (layer, picture, cell) => {
    if (oneImage(layer)) return { codes: layer.codes, grid: layer.kept, reach: picture.size };
    const start = rowOf(layer, cell) * layer.length;
    const row = layer.codes.subarray(start, start + layer.length);
    if (layer.meaning === 'positions') {
      const reach = layer.keys.map((n, axis) => (n * layer.pool[axis] * picture.size[axis]) / layer.grid[axis]);
      return { codes: row, grid: layer.keys, reach };
    }
    const [height, width] = layer.grid, codes = new Int16Array(height * width).fill(-1);
    for (let y = 0; y < height; y++) codes[y * width + cell[1]] = row[y];
    for (let x = 0; x < width; x++) codes[cell[0] * width + x] = row[height + x]; // its own entry is the row's
    return { codes, grid: layer.grid, reach: picture.size };
  };

  const frame = (context, layer, picture, cell, zoom) => {
    const [high, wide] = layer.grid.map((extent, axis) => (zoom * picture.size[axis]) / extent);
    context.strokeStyle = MARK;
    context.lineWidth = 3;
    context.strokeRect(cell[1] * wide, cell[0] * high, wide, high);
  };

  const strength = byId('strength'), whole = byId('image'), tiles = byId('tiles'), said = byId('said');
  let picture, place, held = false, waiting = false, finest;

  const zoomOf = () => Math.max(1, Math.round(WIDE / Math.max(...picture.size)));
  const sized = (canvas) => {
    const zoom = zoomOf();
    canvas.height = picture.size[0] * zoom;
    canvas.width = picture.size[1] * zoom;
    const context = canvas.getContext('2d');
    context.imageSmoothingEnabled = false;
    return [context, zoom];
  };

  const over = (tile) => {
    const { layer, canvas, caption } = tile, [context, zoom] = sized(canvas);
    context.drawImage(picture.grey, 0, 0, canvas.width, canvas.height);
    const cell = cellOf(layer, picture, place), found = laid(layer, picture, cell);
    context.globalAlpha = strength.value / 100;
    const heat = painted(layer, found.codes, ...found.grid);
    context.drawImage(heat, 0, 0, found.reach[1] * zoom, found.reach[0] * zoom);
    context.globalAlpha = 1;
    frame(context, layer, picture, cell, zoom);
    const row = oneImage(layer) ? 0 : rowOf(layer, cell);
    tile.ends(layer.low[row], layer.high[row]);
    const at = `(${cell}) of ${layer.grid.join('×')}`;
    if (oneImage(layer)) {
      const said = layer.meaning === 'mask' ? 'is multiplied by' : 'reads of the region';
      caption.textContent = `${at} ${said} ${short(layer.value(0, rowOf(layer, cell)))}`;
    }
    if (layer.meaning === 'lines') caption.textContent = `what ${at} reads of its column and row`;
    if (layer.meaning === 'positions') caption.textContent = `what ${at} reads of ${layer.keys.join('×')} keys`;
  };

  const matrix = (tile) => {
    const { layer, canvas, caption } = tile, [rows, columns] = layer.kept;
    canvas.width = columns;
    canvas.height = rows;
    canvas.style.imageRendering = 'pixelated';
    canvas.getContext('2d').drawImage(painted(layer, layer.codes, rows, columns), 0, 0);
    tile.ends(layer.low[0], layer.high[0]);
    caption.textContent = 'rows: the channel that reads; columns: the channel that is read';
    canvas.onpointermove = (event) => {
      const [y, x] = under(canvas, event, layer.kept).map(Math.floor);
      const entry = short(layer.value(0, y * columns + x));
      caption.textContent = `channel ${y * layer.step} reads ${entry} of channel ${x * layer.step}`;
    };
  };

  const bars = (tile) => {
    const { layer, canvas, caption } = tile, [count] = layer.kept;
    const top = Math.max(1, layer.high[0]), context = canvas.getContext('2d');
    canvas.width = Math.max(WIDE, count);
    canvas.height = WIDE;
    const wide = canvas.width / count, ink = getComputedStyle(document.body).color;
    for (let index = 0; index < count; index++) {
      const high = (canvas.height * Math.max(0, layer.value(0, index))) / top;
      context.fillStyle = ink;
      context.fillRect(index * wide, canvas.height - high, Math.max(1, wide * 0.85), high);
    }
    tile.bar.remove();
    caption.textContent = `${layer.grid} channels, bars from 0 to ${short(top)}`;
    canvas.onpointermove = (event) => {
      const index = Math.floor(under(canvas, event, [1, count])[1]);
      caption.textContent = `channel ${index * layer.step} is multiplied by ${short(layer.value(0, index))}`;
    };
  };

  // Where an event is on a canvas, as a place among ``extents``.
  const under = (canvas, event, extents) => {
    const box = canvas.getBoundingClientRect();
    const share = [(event.clientY - box.top) / box.height, (event.clientX - box.left) / box.width];
    return share.map((part, axis) => Math.min(Math.max(part, 0), 1 - 1e-9) * extents[axis]);
  };

  const draw = () => {
    waiting = false;
    const [context, zoom] = sized(whole);
    context.drawImage(picture.seen, 0, 0, whole.width, whole.height);
    if (finest) frame(context, finest, picture, cellOf(finest, picture, place), zoom);
    said.textContent = `${picture.name}: y ${Math.floor(place[0])}, x ${Math.floor(place[1])}${held ? ', held' : ''}`;
    picture.tiles.filter((tile) => tile.moves).forEach(over);
  };
  const redraw = () => {
    if (!waiting) requestAnimationFrame(draw);
    waiting = true;
  };
  const follow = (canvas) => {
    canvas.addEventListener('pointermove', (event) => {
      if (held) return;
      place = under(canvas, event, picture.size);
      redraw();
    });
    canvas.addEventListener('click', (event) => {
      held = !held;
      place = under(canvas, event, picture.size);
      redraw();
    });
  };

  const tileOf = (layer) => {
    const moves = ['positions', 'lines', 'mask', 'region'].includes(layer.meaning);
    const figure = make('figure', tiles);
    figure.className = moves ? 'tile over' : 'tile';
    figure.dataset.layer = layer.name;
    make('h2', figure, layer.name);
    const canvas = make('canvas', figure);
    canvas.className = 'map';
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', `map of ${layer.name}`);
    const bar = make('div', figure), low = make('span', bar), strip = make('canvas', bar), high = make('span', bar);
    bar.className = 'scale';
    strip.width = LEVELS + 1;
    strip.height = 1;
    strip.getContext('2d').drawImage(painted(layer, Array.from({ length: LEVELS + 1 }, (_, i) => i), 1, LEVELS + 1), 0, 0);
    const ends = (from, to) => {
      low.textContent = short(from);
      high.textContent = short(to);
    };
    const tile = { layer, canvas, bar, ends, moves, caption: make('figcaption', figure) };
    if (moves) follow(canvas);
    if (layer.meaning === 'channels') matrix(tile);
    if (layer.meaning === 'gate') bars(tile);
    return tile;
  };

  const show = async (chosen, button) => {
    const seen = new Image();
    seen.src = `data:image/png;base64,${chosen.png}`;
    await seen.decode();
    const [height, width] = chosen.size, grey = sheet(width, height), context = grey.getContext('2d');
    context.drawImage(seen, 0, 0);
    const image = context.getImageData(0, 0, width, height);
    for (let at = 0; at < image.data.length; at += 4) {
      const mean = (image.data[at] + image.data[at + 1] + image.data[at + 2]) / 3;
      image.data.fill(mean, at, at + 3);
    }
    context.putImageData(image, 0, 0);
    picture = { ...chosen, seen, grey };
    place = chosen.start.map((extent) => extent + 0.5);
    held = false;
    tiles.replaceChildren();
    picture.tiles = chosen.layers.map((layer) => tileOf(opened(layer)));
    const grids = picture.tiles.filter((tile) => tile.moves).map((tile) => tile.layer);
    finest = grids.sort((a, b) => b.kept[0] * b.kept[1] - a.kept[0] * a.kept[1])[0];
    document.querySelectorAll('#pick button').forEach((one) => one.setAttribute('aria-pressed', one === button));
    draw();
  };

  follow(whole);
  strength.addEventListener('input', redraw);
  whole.addEventListener('keydown', (event) => {
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const by = moves[event.key];
    if (!by || !finest) return;
    event.preventDefault();
    const cell = cellOf(finest, picture, place).map((at, axis) => at + by[axis] * finest.step);
    if (cell.some((at, axis) => at < 0 || at >= finest.grid[axis])) return;
    place = cell.map((at, axis) => ((at + 0.5) * picture.size[axis]) / finest.grid[axis]);
    redraw();
  });
  const buttons = data.pictures.map((one) => {
    if (data.pictures.length === 1) return null;
    const button = make('button', byId('pick'));
    make('img', button).src = `data:image/png;base64,${one.png}`;
    make('span', button, one.name);
    button.addEventListener('click', () => show(one, button));
    return button;
  });
  show(data.pictures[0], buttons[0]);
})();
