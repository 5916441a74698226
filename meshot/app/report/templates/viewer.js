// The report's viewer of a map: the surface and its images side by side. What is pointed at, filtered or colored in one
// view is so in all.
"use strict";
(() => {
  const { unpack, short } = Stage;
  const section = document.getElementById("viewer");
  const data = JSON.parse(document.getElementById("viewer-data").textContent);

  // -------------------------------------------------------------------------------------------------------- numbers
  const faces = unpack(data.faces, Uint32Array);
  const count = faces.length / 3;
  const positions = unpack(data.positions, Float32Array);
  const normals = unpack(data.normals, Int8Array);
  const images = data.images.map((text) => unpack(text, Float32Array));
  const given = { area: data.area.map((text) => unpack(text, Float32Array)), angle: data.angle.map((text) => unpack(text, Float32Array)) };
  const onSphere = data.target === "sphere";
  const last = images.length - 1;

  // The image at t, between the first map and the last, of one corner.
  const at = (corner, t, place) => {
    for (let k = 0; k < 3; k++) place[k] = (1 - t) * images[0][3 * corner + k] + t * images[last][3 * corner + k];
    if (onSphere) {
      const length = Math.hypot(place[0], place[1], place[2]) || 1;
      for (let k = 0; k < 3; k++) place[k] /= length;
    }
    return place;
  };

  const corner = [0, 1, 2].map(() => new Float64Array(3));
  const edge = [0, 1, 2].map(() => new Float64Array(3));
  const angles = new Float64Array(3);
  // Area and angles of the triangle in `corner`; the angles go to `angles`.
  const measure = () => {
    for (let k = 0; k < 3; k++) for (let d = 0; d < 3; d++) edge[k][d] = corner[(k + 1) % 3][d] - corner[k][d];
    const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
    const twice = Math.sqrt(Math.max(dot(edge[0], edge[0]) * dot(edge[1], edge[1]) - dot(edge[0], edge[1]) ** 2, 0));
    for (let k = 0; k < 3; k++) angles[k] = Math.atan2(twice, -dot(edge[k], edge[(k + 2) % 3]));
    return twice / 2;
  };
  const ownAngles = new Float32Array(3 * count);
  for (let f = 0; f < count; f++) {
    for (let k = 0; k < 3; k++) for (let d = 0; d < 3; d++) corner[k][d] = positions[3 * faces[3 * f + k] + d];
    measure();
    ownAngles.set(angles, 3 * f);
  }
  // Log areas and angle errors of the triangles at t, as they come out in the page's single precision.
  const rough = (t) => {
    const area = new Float32Array(count), angle = new Float32Array(count);
    for (let f = 0; f < count; f++) {
      for (let k = 0; k < 3; k++) at(faces[3 * f + k], t, corner[k]);
      area[f] = Math.log(measure());
      for (let k = 0; k < 3; k++) angle[f] += (Math.abs(angles[k] - ownAngles[3 * f + k]) * 60) / Math.PI;
    }
    return { area, angle };
  };
  // Both ends are given in full precision; between them the rough figures are shifted to meet these.
  let ends = null;
  const figuresAt = (t) => {
    if (t === 1 || last === 0) return { area: given.area[last], angle: given.angle[last] };
    if (t === 0) return { area: given.area[0], angle: given.angle[0] };
    ends ??= [rough(0), rough(1)];
    const now = rough(t);
    for (const kind of ["area", "angle"]) {
      for (let f = 0; f < count; f++) {
        now[kind][f] += (1 - t) * (given[kind][0][f] - ends[0][kind][f]) + t * (given[kind][last][f] - ends[1][kind][f]);
      }
    }
    return now;
  };

  // -------------------------------------------------------------------------------------------------------- drawing
  // Corners of all faces one after another: a face is then known by the number of its vertex.
  const spread = (values, Kind) => {
    const all = new Kind(9 * count);
    for (let c = 0; c < 3 * count; c++) for (let d = 0; d < 3; d++) all[3 * c + d] = values[3 * faces[c] + d];
    return all;
  };
  const attributes = (target, place, first, final, toward) => {
    target.setAttribute("position", new THREE.BufferAttribute(place, 3));
    target.setAttribute("first", new THREE.BufferAttribute(first, 3));
    target.setAttribute("final", new THREE.BufferAttribute(final, 3));
    if (toward) target.setAttribute("normal", new THREE.BufferAttribute(toward, 3, true));
    return target;
  };
  const geometry = attributes(
    new THREE.BufferGeometry(), spread(positions, Float32Array), spread(images[0], Float32Array), spread(images[last], Float32Array), spread(normals, Int8Array),
  );
  let samples = null;
  if (data.samples) {
    const image = data.samples.images.map((text) => unpack(text, Float32Array));
    samples = attributes(new THREE.BufferGeometry(), unpack(data.samples.positions, Float32Array), image[0], image[image.length - 1], null);
    samples.setDrawRange(0, 0);
  }
  const shared = {
    mode: { value: 0 }, marked: { value: -1 }, keep: { value: [-1e30, 1e30, -1e30, 1e30] }, faded: { value: 0.12 },
    areaLimit: { value: data.limits.area }, angleLimit: { value: data.limits.angle },
    areaScale: { value: data.scales.area.flat() }, angleScale: { value: data.scales.angle.flat() },
    upward: { value: new THREE.Matrix3().set(...data.upward) }, pattern: { value: null }, paper: { value: new THREE.Color() },
    ink: { value: new THREE.Color() }, onSphere: { value: onSphere },
  };
  const vertexShader = `
    in vec3 position, first, final, normal;
    uniform mat4 modelViewMatrix, projectionMatrix;
    uniform float t, size, nearer;
    uniform bool onImage, onSphere;
    out vec3 seen, toward;
    flat out int face;
    void main() {
      seen = mix(first, final, t);
      if (onSphere) seen = normalize(seen);
      face = gl_VertexID / 3;
      toward = onImage ? (onSphere ? mat3(modelViewMatrix) * seen : normal) : mat3(modelViewMatrix) * normal;
      gl_Position = projectionMatrix * modelViewMatrix * vec4(onImage ? seen : position, 1.0);
      gl_Position.z -= nearer * gl_Position.w;
      gl_PointSize = size;
    }`;
  const fragmentShader = `
    precision highp float;
    precision highp int;
    in vec3 seen, toward;
    flat in int face;
    uniform int mode, marked;
    uniform bool onImage, onSphere;
    uniform vec4 keep;
    uniform float areaLimit, angleLimit, faded;
    uniform vec3 areaScale[5], angleScale[5], paper;
    uniform mat3 upward;
    uniform highp sampler2D figures;
    uniform sampler2D pattern;
    out vec4 color;
    ${Stage.onScale}
    vec3 pulledBack() {
      if (!onSphere) return texture(pattern, 0.5 + 0.5 * seen.xy).rgb;
      vec3 p = upward * normalize(seen);
      float longitude = atan(p.y, p.x) / 6.283185307;
      // the seam's jump must not count as squeezed: of two ways round take the gentler
      float other = fract(longitude);
      vec2 place = vec2(longitude + 0.5, asin(clamp(p.z, -1.0, 1.0)) / 3.141592654 + 0.5);
      vec2 dx = dFdx(place), dy = dFdy(place);
      if (abs(dFdx(other)) < abs(dx.x)) dx.x = dFdx(other);
      if (abs(dFdy(other)) < abs(dy.x)) dy.x = dFdy(other);
      return textureGrad(pattern, place, dx, dy).rgb;
    }
    ${Stage.light}
    void main() {
      vec2 mine = texelFetch(figures, ivec2(face % ${Stage.across}, face / ${Stage.across}), 0).rg;
      vec3 base = vec3(0.955, 0.945, 0.925);
      vec3 n = normalize(toward);
      if (!onImage && !gl_FrontFacing) n = -n;
      if (mode == 1) base = onScale(areaScale, 0.5 + 0.5 * mine.r / areaLimit);
      if (mode == 2) base = onScale(angleScale, mine.g / angleLimit);
      if (mode == 3) base = 0.5 + 0.5 * n;
      if (mode == 4) base = pulledBack();
      float shade = mode == 3 ? 1.0 : light(n);
      // a relief on the flat image, so that one finds the surface's features there
      if (onImage && !onSphere && mode != 0 && mode != 3) shade = mix(0.97, shade, 0.45);
      if (!onImage && !gl_FrontFacing) shade *= 0.7;
      vec3 lit = base * shade;
      if (mine.r < keep.x || mine.r > keep.y || mine.g < keep.z || mine.g > keep.w) lit = mix(paper, lit, faded);
      if (face == marked) lit = vec3(0.95, 0.75, 0.1);
      color = vec4(lit, 1.0);
    }`;
  const dotShader = `
    precision highp float;
    uniform vec3 ink;
    out vec4 color;
    void main() {
      vec2 off = 2.0 * gl_PointCoord - 1.0;
      if (dot(off, off) > 1.0) discard;
      color = vec4(ink, 1.0);
    }`;

  // -------------------------------------------------------------------------------------------------------- views
  const figuresOf = last ? [Stage.pairs(count), Stage.pairs(count)] : [Stage.pairs(count)];
  Stage.fill(figuresOf[0], given.area[0], given.angle[0]);
  const now = { t: 1, figures: figuresAt(1) };
  if (last) Stage.fill(figuresOf[1], now.figures.area, now.figures.angle);

  const dress = (view) => {
    const first = view.name === "first" || !last;
    view.own = {
      t: { value: view.name === "first" ? 0 : 1 }, onImage: { value: view.name !== "surface" }, size: { value: 1 }, nearer: { value: 0 },
      figures: { value: figuresOf[first ? 0 : 1] },
    };
    const uniforms = { ...shared, ...view.own };
    const put = (scene, kind, shape, fragment, more) => {
      const made = new kind(shape, Stage.material(vertexShader, fragment, { ...uniforms, ...more }));
      made.frustumCulled = false;
      scene.add(made);
    };
    put(view.scene, THREE.Mesh, geometry, fragmentShader);
    put(view.picking, THREE.Mesh, geometry, Stage.pickShader);
    if (samples) put(view.scene, THREE.Points, samples, dotShader, { nearer: { value: 2e-4 } }); // in front of their faces
  };
  const prepare = (view, ratio) => {
    view.own.size.value = 4 * ratio;
    shared.marked.value = stage.marked;
    stage.style("--ink", shared.ink.value);
    stage.style("--paper", shared.paper.value);
  };
  const corners = new Float64Array(3);
  const middle = (face, view) => {
    const sum = new THREE.Vector3();
    for (let k = 0; k < 3; k++) {
      const vertex = faces[3 * face + k];
      if (view.own.onImage.value) at(vertex, view.own.t.value, corners);
      else for (let d = 0; d < 3; d++) corners[d] = positions[3 * vertex + d];
      sum.add(new THREE.Vector3(...corners).divideScalar(3));
    }
    return sum;
  };
  const tellOf = (face) => {
    if (face < 0) {
      words.textContent = plain;
      return;
    }
    const told = last ? [[data.names[0], given.area[0][face], given.angle[0][face]]] : [];
    told.push([last && now.t < 1 ? `at ${Math.round(100 * now.t)} %` : data.names[last], now.figures.area[face], now.figures.angle[face]]);
    words.textContent = `Face ${face}: ` + told.map(([name, area, angle]) => `${name} area × ${short(Math.exp(area))}, angles ${short(angle)}°`).join("; ") + ".";
    if (document.activeElement !== chosen) chosen.value = face;
  };
  const stage = Stage.open(section, {
    rigs: { surface: { lens: "perspective", turns: true }, image: { lens: "orthographic", turns: onSphere } },
    rigOf: (name) => (name === "surface" ? "surface" : "image"),
    dress, prepare, place: middle, tell: tellOf,
  });
  if (!stage) return;
  const { find, draw } = stage;
  const words = find("told"), chosen = find("face"), plain = words.textContent;
  const patterns = {};
  for (const [name, uri] of Object.entries(data.patterns)) {
    const made = new THREE.Texture();
    Object.assign(made, { generateMipmaps: true, minFilter: THREE.LinearMipmapLinearFilter, magFilter: THREE.LinearFilter, flipY: false });
    made.anisotropy = Math.min(8, stage.renderer.capabilities.getMaxAnisotropy());
    const picture = new Image();
    picture.onload = () => { made.image = picture; made.needsUpdate = true; draw(); };
    picture.src = uri;
    patterns[name] = made;
  }

  // -------------------------------------------------------------------------------------------------------- histograms
  const BINS = 64;
  const charts = ["area", "angle"].map((kind, channel) => {
    const figure = find(`chart-${kind}`), svg = figure.querySelector("svg");
    const from = figure.querySelector('[name="from"]'), to = figure.querySelector('[name="to"]');
    const low = kind === "area" ? -data.limits.area : 0, high = data.limits[kind];
    const value = (step) => low + ((high - low) * step) / BINS;
    const write = (x) => (kind === "area" ? `× ${short(Math.exp(x))}` : `${short(x)}°`);
    const bins = (values) => {
      const filled = new Float64Array(BINS);
      for (const x of values) if (!Number.isNaN(x)) filled[Math.min(Math.max(Math.floor(((x - low) / (high - low)) * BINS), 0), BINS - 1)]++;
      return filled;
    };
    const bars = (values, name) => {
      const filled = bins(values), most = Math.max(...filled, 1);
      const path = [...filled].map((n, k) => `M${k} 40V${(40 - 38 * (n / most)).toFixed(2)}h1V40`).join("");
      svg.querySelector(name).setAttribute("d", path);
    };
    const show = () => {
      if (last) bars(given[kind][0], ".first");
      bars(now.figures[kind], ".final");
    };
    const filter = () => {
      if (+from.value > +to.value) [from.value, to.value] = [to.value, from.value];
      const open = [+from.value === 0, +to.value === BINS];
      shared.keep.value[2 * channel] = open[0] ? -1e30 : value(+from.value);
      shared.keep.value[2 * channel + 1] = open[1] ? 1e30 : value(+to.value);
      const rect = svg.querySelector("rect");
      rect.setAttribute("x", from.value);
      rect.setAttribute("width", Math.max(to.value - from.value, 0.2));
      rect.toggleAttribute("hidden", open[0] && open[1]);
      from.setAttribute("aria-valuetext", open[0] ? "no limit" : write(value(+from.value)));
      to.setAttribute("aria-valuetext", open[1] ? "no limit" : write(value(+to.value)));
      figure.querySelector("output").textContent = open[0] && open[1] ? "" : `${write(value(+from.value))} to ${write(value(+to.value))}`;
      tell();
      draw();
    };
    for (const input of [from, to]) {
      input.max = BINS;
      input.addEventListener("input", filter);
    }
    from.value = 0;
    to.value = BINS;
    let start = null;
    const step = (event) => {
      const box = svg.getBoundingClientRect();
      return Math.min(Math.max(Math.round(((event.clientX - box.left) / box.width) * BINS), 0), BINS);
    };
    svg.addEventListener("pointerdown", (event) => {
      start = step(event);
      svg.setPointerCapture(event.pointerId);
    });
    svg.addEventListener("pointermove", (event) => {
      if (start === null) return;
      const end = step(event);
      [from.value, to.value] = [Math.min(start, end), Math.max(start, end)];
      filter();
    });
    svg.addEventListener("pointerup", (event) => {
      if (start === step(event)) [from.value, to.value] = [0, BINS]; // a click takes the filter off
      start = null;
      filter();
    });
    return { show, filter };
  });
  const left = find("left");
  const tell = () => {
    const keep = shared.keep.value;
    let kept = 0;
    for (let f = 0; f < count; f++) {
      const area = now.figures.area[f], angle = now.figures.angle[f];
      if (area >= keep[0] && area <= keep[1] && angle >= keep[2] && angle <= keep[3]) kept++;
    }
    left.textContent = keep.every((limit) => Math.abs(limit) === 1e30) ? "" : `${kept.toLocaleString("en")} of ${count.toLocaleString("en")} faces are within.`;
  };

  // -------------------------------------------------------------------------------------------------------- controls
  const color = find("color"), slider = find("t"), dots = find("samples");
  const modes = { plain: 0, area: 1, angle: 2, normals: 3 };
  const recolor = () => {
    shared.mode.value = modes[color.value] ?? 4;
    shared.pattern.value = patterns[color.value] ?? null;
    for (const scale of section.querySelectorAll(".scale")) scale.hidden = scale.dataset.of !== color.value;
    draw();
  };
  color.addEventListener("change", recolor);
  if (slider) {
    slider.addEventListener("input", () => {
      now.t = +slider.value / 100;
      now.figures = figuresAt(now.t);
      Stage.fill(figuresOf[1], now.figures.area, now.figures.angle);
      for (const view of stage.views) if (view.name !== "first") view.own.t.value = now.t;
      slider.setAttribute("aria-valuetext", `${slider.value} % of the way from ${data.names[0]} to ${data.names[last]}`);
      for (const chart of charts) chart.show();
      tell();
      draw();
    });
  }
  if (dots) {
    dots.addEventListener("input", () => {
      samples.setDrawRange(0, +dots.value === 0 ? 0 : 2 ** +dots.value);
      dots.setAttribute("aria-valuetext", +dots.value === 0 ? "none" : `${2 ** +dots.value}`);
      draw();
    });
  }
  chosen.max = count - 1;
  chosen.addEventListener("input", () => stage.mark(chosen.value === "" || chosen.value < 0 || chosen.value >= count ? -1 : Math.floor(chosen.value)));
  for (const chart of charts) chart.show();
  recolor();
  stage.home();
})();
