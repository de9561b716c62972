// The light build of hls.js leaves out subtitles, other sound tracks and copy protection, which our playlists do not have.
declare module "hls.js/light" {
  export { default } from "hls.js";
}
