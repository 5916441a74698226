export {
  BufferAttribute, BufferGeometry, Color, DataTexture, FloatType, GLSL3, LinearFilter, LinearMipmapLinearFilter,
  Matrix3, Mesh, NearestFilter, OrthographicCamera, PerspectiveCamera, Points, RGFormat, RawShaderMaterial, Scene,
  LinearSRGBColorSpace, Texture, Vector3, WebGLRenderTarget, WebGLRenderer, MOUSE, TOUCH, DoubleSide,
} from "three";
export { OrbitControls } from "three/addons/controls/OrbitControls.js";
