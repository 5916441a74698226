// The report's viewer of a solid and the ball: both cut by one plane, and the straight way from one to the other.
"use strict";
(() => {
  const { unpack, short } = Stage;
  const section = document.getElementById("viewer");
  const data = JSON.parse(document.getElementById("viewer-data").textContent);

  // -------------------------------------------------------------------------------------------------------- numbers
  const shape = unpack(data.shape, Float32Array), ball = unpack(data.ball, Float32Array);
  const tetrahedra = unpack(data.tetrahedra, Uint32Array), count = tetrahedra.length / 4;
  const skin = unpack(data.skin, Uint32Array), owners = unpack(data.owners, Uint32Array);
  const ratio = unpack(data.ratio, Float32Array);

  const geometryOf = (inShape, inBall, owner) => {
    const made = new THREE.BufferGeometry();
    made.setAttribute("position", new THREE.BufferAttribute(inShape, 3));
    made.setAttribute("ball", new THREE.BufferAttribute(inBall, 3));
    made.setAttribute("owner", new THREE.BufferAttribute(owner, 1));
    return made;
  };
  const corners = (places, from) => {
    const all = new Float32Array(3 * from.length);
    for (let c = 0; c < from.length; c++) for (let d = 0; d < 3; d++) all[3 * c + d] = places[3 * from[c] + d];
    return all;
  };
  const whole = geometryOf(corners(shape, skin), corners(ball, skin), Float32Array.from(skin, (_, c) => owners[Math.floor(c / 3)]));

  // What the plane cuts: a triangle or two of each tetrahedron, with their places in the solid and in the ball.
  const plane = { normal: [0, 0, 1], offset: 1e9, inBall: false };
  const EDGES = [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]];
  const around = { 2: [[0, 1, 2]], 3: [[0, 1, 2]], 4: [[0, 1, 2], [0, 2, 3]] };
  const slice = () => {
    const places = plane.inBall ? ball : shape, height = new Float32Array(places.length / 3);
    for (let v = 0; v < height.length; v++) {
      height[v] = plane.normal[0] * places[3 * v] + plane.normal[1] * places[3 * v + 1] + plane.normal[2] * places[3 * v + 2] - plane.offset;
    }
    const cutShape = [], cutBall = [], owner = [];
    for (let k = 0; k < count; k++) {
      const own = [0, 1, 2, 3].map((i) => tetrahedra[4 * k + i]);
      const above = own.map((v) => height[v] > 0);
      const crossed = EDGES.filter(([i, j]) => above[i] !== above[j]);
      if (crossed.length < 3) continue;
      // in a ring of four, edges that share no corner of the tetrahedron are opposite
      if (crossed.length === 4) {
        const apart = crossed.findIndex(([i, j], n) => n > 0 && ![i, j].some((v) => crossed[0].includes(v)));
        [crossed[2], crossed[apart]] = [crossed[apart], crossed[2]];
      }
      const points = crossed.map(([i, j]) => {
        const a = own[i], b = own[j], w = height[a] / (height[a] - height[b]);
        return [shape, ball].map((from) => [0, 1, 2].map((d) => (1 - w) * from[3 * a + d] + w * from[3 * b + d]));
      });
      for (const triangle of around[points.length]) {
        for (const n of triangle) {
          cutShape.push(...points[n][0]);
          cutBall.push(...points[n][1]);
          owner.push(k);
        }
      }
    }
    return geometryOf(new Float32Array(cutShape), new Float32Array(cutBall), new Float32Array(owner));
  };

  // -------------------------------------------------------------------------------------------------------- drawing
  const figures = Stage.pairs(count);
  Stage.fill(figures, ratio, null);
  const shared = {
    mode: { value: 0 }, marked: { value: -1 }, figures: { value: figures }, limit: { value: data.limit },
    scale: { value: data.scale.flat() }, plane: { value: [0, 0, 1, 1e9] }, inBall: { value: false },
  };
  const vertexShader = `
    in vec3 position, ball; // the place in the solid, and that in the ball
    in float owner;
    uniform mat4 modelViewMatrix, projectionMatrix;
    uniform float t;
    out vec3 inShape, inBallAt, place;
    flat out int face;
    void main() {
      inShape = position;
      inBallAt = ball;
      face = int(owner + 0.5);
      vec4 at = modelViewMatrix * vec4(mix(position, ball, t), 1.0);
      place = at.xyz;
      gl_Position = projectionMatrix * at;
    }`;
  const head = `
    precision highp float;
    precision highp int;
    in vec3 inShape, inBallAt, place;
    flat in int face;
    uniform vec4 plane;
    uniform bool inBall, clipped;
    bool away() { return clipped && dot(plane.xyz, inBall ? inBallAt : inShape) > plane.w; }`;
  const fragmentShader = `${head}
    uniform int mode, marked;
    uniform float limit;
    uniform vec3 scale[5];
    uniform highp sampler2D figures;
    out vec4 color;
    ${Stage.onScale}
    ${Stage.light}
    void main() {
      if (away()) discard;
      vec3 base = vec3(0.955, 0.945, 0.925);
      float mine = texelFetch(figures, ivec2(face % ${Stage.across}, face / ${Stage.across}), 0).r;
      if (mode == 1) base = onScale(scale, 0.5 + 0.5 * mine / limit);
      if (mode == 2) base = 0.35 + 0.6 * (0.5 + 0.5 * inShape);
      if (mode == 3) {
        float r = length(inBallAt);
        float shell = mod(floor(8.0 * r * r * r), 2.0);
        base = mix(0.35 + 0.3 * inBallAt / max(r, 1e-6), vec3(0.955, 0.945, 0.925), shell);
      }
      if (face == marked) base = vec3(0.95, 0.75, 0.1);
      color = vec4(base * light(normalize(cross(dFdx(place), dFdy(place)))), 1.0);
    }`;
  const pickShader = Stage.pickShader.replace(/precision[^;]*;\s*precision[^;]*;\s*flat in int face;/, head).replace("void main() {", "void main() {\n if (away()) discard;");
  const sheetShader = `${head}
    uniform vec3 jumpScale[5];
    out vec4 color;
    ${Stage.onScale}
    ${Stage.light}
    void main() {
      if (away()) discard;
      color = vec4(onScale(jumpScale, inShape.x) * light(normalize(cross(dFdx(place), dFdy(place)))), 1.0);
    }`;
  let sheets = null;
  if (data.sheets) {
    // the jump stands where a vertex of the solid has its place: a sheet is at home in the ball alone
    const places = unpack(data.sheets.places, Float32Array), jump = unpack(data.sheets.jump, Float32Array);
    const scaled = new Float32Array(places.length);
    for (let c = 0; c < places.length / 3; c++) scaled[3 * c] = (jump[Math.floor(c / 3)] - data.sheets.least) / (data.sheets.most - data.sheets.least || 1);
    sheets = geometryOf(scaled, places, new Float32Array(places.length / 3));
  }

  // -------------------------------------------------------------------------------------------------------- views
  let sliced = slice();
  const dress = (view) => {
    view.t = { value: view.name === "ball" ? 1 : 0 };
    const put = (scene, geometry, fragment, clipped, more) => {
      const uniforms = { ...shared, t: view.t, clipped: { value: clipped }, ...more };
      const made = new THREE.Mesh(geometry, Stage.material(vertexShader, fragment, uniforms));
      made.frustumCulled = false;
      scene.add(made);
      return made;
    };
    view.solids = [put(view.scene, whole, fragmentShader, true), put(view.picking, whole, pickShader, true)];
    view.cuts = [put(view.scene, sliced, fragmentShader, false), put(view.picking, sliced, pickShader, false)];
    if (sheets && view.name === "ball") {
      view.sheets = put(view.scene, sheets, sheetShader, false, { t: { value: 1 }, jumpScale: { value: data.sheets.scale.flat() } });
    }
  };
  const prepare = () => { shared.marked.value = stage.marked; };
  const middle = (face, view) => {
    const sum = new THREE.Vector3(), t = view.t.value;
    for (let i = 0; i < 4; i++) {
      const v = 3 * tetrahedra[4 * face + i];
      for (const [d, axis] of ["x", "y", "z"].entries()) sum[axis] += ((1 - t) * shape[v + d] + t * ball[v + d]) / 4;
    }
    return sum;
  };
  const tell = (face) => {
    const times = ratio[face] === -Infinity || Number.isNaN(ratio[face]) ? "flipped or flat in the ball" : `volume × ${short(Math.exp(ratio[face]))} in the ball`;
    words.textContent = face < 0 ? plain : `Tetrahedron ${face}: ${times}.`;
    if (face >= 0 && document.activeElement !== chosen) chosen.value = face;
  };
  const stage = Stage.open(section, {
    rigs: { space: { lens: "perspective", turns: true } }, rigOf: () => "space", dress, prepare, place: middle, tell,
  });
  if (!stage) return;
  const { find, draw } = stage;
  const words = find("told"), chosen = find("face"), plain = words.textContent;

  // -------------------------------------------------------------------------------------------------------- controls
  const color = find("color"), along = find("along"), depth = find("depth"), space = find("space"), slider = find("t"), alone = find("alone");
  const modes = { plain: 0, ratio: 1, place: 2, shells: 3 };
  const recolor = () => {
    shared.mode.value = modes[color.value];
    for (const scale of section.querySelectorAll(".scale")) scale.hidden = scale.dataset.of !== color.value;
    draw();
  };
  const cut = () => {
    const open = +depth.value < 100;
    plane.normal = { x: [1, 0, 0], y: [0, 1, 0], z: [0, 0, 1] }[along.value];
    plane.offset = open ? +depth.value / 100 : 1e9;
    plane.inBall = space.value === "ball";
    shared.plane.value = [...plane.normal, plane.offset];
    shared.inBall.value = plane.inBall;
    sliced.dispose();
    sliced = slice();
    for (const view of stage.views) for (const mesh of view.cuts) mesh.geometry = sliced;
    depth.setAttribute("aria-valuetext", open ? `at ${depth.value} % of the half width` : "nothing is cut away");
    draw();
  };
  const move = () => {
    const t = +slider.value / 100;
    for (const view of stage.views) {
      if (view.name !== "ball") continue;
      view.t.value = t;
      if (view.sheets) view.sheets.visible = t === 1;
      for (const mesh of [...view.solids, ...view.cuts]) mesh.visible = !(alone && alone.checked && t === 1);
    }
    slider.setAttribute("aria-valuetext", `${slider.value} % of the way from the solid to the ball`);
    draw();
  };
  color.addEventListener("change", recolor);
  for (const control of [along, depth, space]) control.addEventListener("input", cut);
  slider.addEventListener("input", move);
  alone?.addEventListener("input", move);
  chosen.max = count - 1;
  chosen.addEventListener("input", () => stage.mark(chosen.value === "" || chosen.value < 0 || chosen.value >= count ? -1 : Math.floor(chosen.value)));
  recolor();
  cut();
  move();
  stage.home();
})();
