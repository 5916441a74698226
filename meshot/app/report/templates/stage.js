// What viewers share: one WebGL canvas under several views, cameras that the views of a kind have in common, pointing,
// keys and marks. Nothing is loaded: the numbers stand in the page, packed in base 64.
"use strict";
const Stage = (() => {
  const unpack = (text, Kind) => new Kind(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
  const short = (x) => (Math.abs(x) >= 100 || (x !== 0 && Math.abs(x) < 1e-3) ? x.toExponential(1) : x.toPrecision(3));

  const RIG = {
    perspective: () => new THREE.PerspectiveCamera(24, 1, 0.1, 50),
    orthographic: () => new THREE.OrthographicCamera(-1, 1, 1, -1, 0.1, 20),
  };
  const REACH = 1.04; // half of what an orthographic view shows

  // Open the views of a section, or return null where there is no WebGL: the static pictures of the page stand in.
  //   rigs: for each kind of camera {lens, turns}; rigOf(view name): which of them a view looks through;
  //   dress(view): put meshes into view.scene and, to be pointed at, view.picking;
  //   prepare(view, ratio): set what changes from frame to frame; place(face, view): a face's middle, a Vector3;
  //   tell(face): say what is marked.
  const open = (section, { rigs, rigOf, dress, prepare, place, tell }) => {
    if (!document.createElement("canvas").getContext("webgl2")) return null;
    const find = (name) => section.querySelector(`[data-is="${name}"]`);
    const canvas = find("canvas");
    const renderer = new THREE.WebGLRenderer({ canvas, antialias: true, alpha: true });
    renderer.outputColorSpace = THREE.LinearSRGBColorSpace; // colors go to the screen as they stand in the page
    renderer.autoClear = false;
    section.hidden = false;
    document.documentElement.classList.add("lively");

    for (const rig of Object.values(rigs)) Object.assign(rig, { camera: RIG[rig.lens](), target: new THREE.Vector3() });
    const stage = { renderer, find, marked: -1, views: [] };

    // ------------------------------------------------------------------------------------------------------ frames
    let waiting = false;
    const draw = () => {
      if (!waiting) requestAnimationFrame(frame);
      waiting = true;
    };
    const frame = () => {
      waiting = false;
      const box = canvas.parentElement.getBoundingClientRect();
      const ratio = Math.min(window.devicePixelRatio || 1, 2);
      renderer.setPixelRatio(ratio);
      if (canvas.width !== Math.floor(box.width * ratio) || canvas.height !== Math.floor(box.height * ratio)) renderer.setSize(box.width, box.height);
      renderer.setScissorTest(false);
      renderer.clear();
      renderer.setScissorTest(true);
      for (const view of stage.views) {
        const own = view.pane.getBoundingClientRect();
        fit(view, own);
        const corner = [own.left - box.left, box.bottom - own.bottom, own.width, own.height];
        renderer.setViewport(...corner);
        renderer.setScissor(...corner);
        prepare(view, ratio);
        renderer.render(view.scene, view.rig.camera);
        showMark(view, own);
      }
    };
    const fit = ({ rig: { lens, camera } }, own) => {
      const aspect = own.width / own.height;
      if (lens === "perspective") {
        camera.aspect = aspect;
      } else {
        const reach = REACH * Math.max(1, 1 / aspect);
        Object.assign(camera, { left: -reach * aspect, right: reach * aspect, top: reach, bottom: -reach });
      }
      camera.updateProjectionMatrix();
    };
    const style = (name, color) => color.setStyle(getComputedStyle(document.documentElement).getPropertyValue(name), THREE.LinearSRGBColorSpace);

    // ------------------------------------------------------------------------------------------------------ views
    const home = () => {
      for (const { camera, target } of Object.values(rigs)) {
        camera.position.set(0, 0, 5);
        camera.up.set(0, 1, 0);
        camera.zoom = 1;
        target.set(0, 0, 0);
        camera.updateProjectionMatrix();
      }
      for (const view of stage.views) view.controls.update();
      draw();
    };
    const byKey = (event, { rig: { lens, turns, camera, target }, controls }) => {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      if (step && turns) {
        const side = new THREE.Vector3(1, 0, 0).applyQuaternion(camera.quaternion);
        const offset = camera.position.clone().sub(target).applyAxisAngle(camera.up, -0.15 * step[0]);
        const tipped = offset.clone().applyAxisAngle(side, -0.15 * step[1]);
        const upright = tipped.angleTo(camera.up);
        camera.position.copy(target).add(upright * (Math.PI - upright) > 0.1 ? tipped : offset);
      } else if (step) {
        const by = new THREE.Vector3(step[0], step[1], 0).multiplyScalar(0.15 / camera.zoom);
        camera.position.add(by);
        target.add(by);
      } else if (event.key === "+" || event.key === "-") {
        const factor = event.key === "+" ? 1.25 : 0.8;
        if (lens === "orthographic") camera.zoom = Math.min(Math.max(camera.zoom * factor, 0.8), 400);
        else camera.position.sub(target).multiplyScalar(1 / factor).clampLength(1.2, 9).add(target);
        camera.updateProjectionMatrix();
      } else if (event.key === "Home") {
        home();
      } else {
        return;
      }
      event.preventDefault();
      controls.update();
      draw();
    };
    for (const pane of section.querySelectorAll(".pane")) {
      const name = pane.dataset.view, rig = rigs[rigOf(name)];
      const view = { pane, name, rig, scene: new THREE.Scene(), picking: new THREE.Scene(), mark: pane.querySelector(".mark") };
      const controls = new THREE.OrbitControls(rig.camera, pane);
      Object.assign(controls, {
        target: rig.target, enableRotate: rig.turns, enablePan: !rig.turns, zoomToCursor: !rig.turns,
        minZoom: 0.8, maxZoom: 400, minDistance: 1.2, maxDistance: 9,
        enableZoom: false, // until the view has the focus: a page that is scrolled past stays as it is
      });
      if (!rig.turns) {
        controls.mouseButtons.LEFT = THREE.MOUSE.PAN;
        controls.touches.ONE = THREE.TOUCH.PAN;
      }
      controls.addEventListener("change", draw);
      pane.addEventListener("focus", () => { controls.enableZoom = true; });
      pane.addEventListener("blur", () => { controls.enableZoom = false; });
      pane.addEventListener("pointerdown", () => pane.focus({ preventScroll: true }));
      pane.addEventListener("keydown", (event) => byKey(event, view));
      pane.addEventListener("pointermove", (event) => { if (!event.buttons) point(event, view); });
      pane.addEventListener("pointerleave", () => mark(-1));
      view.controls = controls;
      dress(view, stage);
      stage.views.push(view);
    }

    // ------------------------------------------------------------------------------------------------------ pointing
    const pixel = new Uint8Array(4), spot = new THREE.WebGLRenderTarget(1, 1);
    const pick = (view, x, y) => {
      const own = view.pane.getBoundingClientRect(), { camera } = view.rig;
      fit(view, own);
      camera.setViewOffset(own.width, own.height, x - own.left, y - own.top, 1, 1);
      renderer.setScissorTest(false);
      renderer.setRenderTarget(spot);
      renderer.setClearColor(0, 0);
      renderer.clear();
      prepare(view, 1);
      renderer.render(view.picking, camera);
      renderer.readRenderTargetPixels(spot, 0, 0, 1, 1, pixel);
      renderer.setRenderTarget(null);
      camera.clearViewOffset();
      return pixel[0] + 256 * pixel[1] + 65536 * pixel[2] - 1;
    };
    let asked = null;
    const point = (event, view) => {
      if (!asked) requestAnimationFrame(() => { mark(pick(asked.view, asked.x, asked.y)); asked = null; });
      asked = { view, x: event.clientX, y: event.clientY };
    };
    const mark = (face) => {
      if (face === stage.marked) return;
      stage.marked = face;
      tell(face);
      draw();
    };
    const showMark = ({ mark: ring, rig, ...view }, own) => {
      ring.hidden = stage.marked < 0;
      if (ring.hidden) return;
      const at = place(stage.marked, view).project(rig.camera);
      ring.style.transform = `translate(${((1 + at.x) / 2) * own.width}px, ${((1 - at.y) / 2) * own.height}px)`;
    };

    find("home").addEventListener("click", home);
    new ResizeObserver(draw).observe(canvas.parentElement);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
    return Object.assign(stage, { draw, home, mark, style });
  };

  // Shaders: a face's number as a color, to be read back where one points.
  const pickShader = `
    precision highp float;
    precision highp int;
    flat in int face;
    out vec4 color;
    void main() {
      int id = face + 1;
      color = vec4(float(id & 255), float((id >> 8) & 255), float((id >> 16) & 255), 255.0) / 255.0;
    }`;
  const onScale = `
    vec3 onScale(vec3 stops[5], float x) {
      float place = clamp(x, 0.0, 1.0) * 4.0;
      int k = min(int(place), 3);
      return mix(stops[k], stops[k + 1], place - float(k));
    }`;
  const light = `
    float light(vec3 n) {
      float key = 0.5 + 0.5 * dot(n, normalize(vec3(-0.42, 0.55, 0.72)));
      return 0.38 + 0.62 * key * key + 0.06 * pow(max(dot(n, normalize(vec3(-0.227, 0.297, 0.928))), 0.0), 32.0);
    }`;
  const material = (vertexShader, fragmentShader, uniforms) => new THREE.RawShaderMaterial({
    glslVersion: THREE.GLSL3, vertexShader, fragmentShader, uniforms, side: THREE.DoubleSide,
    polygonOffset: true, polygonOffsetFactor: 1, polygonOffsetUnits: 1,
  });
  // Two numbers for each face, as a texture that is `across` faces wide.
  const across = 1024;
  const pairs = (count) => {
    const made = new THREE.DataTexture(new Float32Array(2 * across * Math.ceil(count / across)), across, Math.ceil(count / across), THREE.RGFormat, THREE.FloatType);
    made.minFilter = made.magFilter = THREE.NearestFilter;
    return made;
  };
  const fill = (made, first, second) => {
    const pixels = made.image.data, limited = (x, none) => (Number.isNaN(x) ? none : Math.max(-1e9, Math.min(1e9, x)));
    for (let f = 0; f < first.length; f++) {
      pixels[2 * f] = limited(first[f], -1e9);
      pixels[2 * f + 1] = second ? limited(second[f], 0) : 0;
    }
    made.needsUpdate = true;
  };
  return { unpack, short, open, pickShader, onScale, light, material, across, pairs, fill };
})();
