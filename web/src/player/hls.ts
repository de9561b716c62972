import type Hls from "hls.js";
import type { ErrorData } from "hls.js";
import type { HlsPlayback, OpenHls, VideoElement } from "./deck";

/** A waiting clip holds this much beyond its position, in seconds: enough to begin at once, without taking the current clip's bandwidth. */
const waitingBuffer = 4;
/** The current clip holds this much beyond its position, in seconds. */
const playingBuffer = 20;
/** What was played is kept this long, in seconds: a clip that is shorter is not loaded again when it begins anew. */
const backBuffer = 90;

/** Who plays a playlist: the element itself, or hls.js. */
export type HlsSupport = "native" | "library";

/**
 * Safari plays HLS well, and on some of its devices it is the only way. Other browsers that say they can are left to
 * hls.js: what they do does not regard the size of the element.
 */
export function hlsSupport(window: { WebKitPlaybackTargetAvailabilityEvent?: unknown; MediaSource?: unknown }, canPlay: string): HlsSupport | null {
  if (canPlay !== "" && (window.WebKitPlaybackTargetAvailabilityEvent !== undefined || window.MediaSource === undefined)) return "native";
  return window.MediaSource === undefined ? null : "library";
}

/** hls.js, once it has come. */
let library: typeof Hls | null = null;
/** Bits per second that the last clip came with, for the next one to begin at the right quality. */
let lastBandwidth: number | null = null;

/** Fetches hls.js where this browser needs it. Clips that load before it is there play their file. */
export async function loadHls(): Promise<void> {
  if (library || support() !== "library") return;
  const { default: loaded } = await import("hls.js/light");
  if (loaded.isSupported()) library = loaded;
}

let known: HlsSupport | null | undefined;

function support(): HlsSupport | null {
  known ??= hlsSupport(globalThis as Parameters<typeof hlsSupport>[0], document.createElement("video").canPlayType("application/vnd.apple.mpegurl"));
  return known;
}

/** Gives an element a playlist; null where its file has to do. */
export const openHls: OpenHls = (video, url, active, onFailed) => {
  if (support() === "native") return openNative(video, url);
  return library && openLibrary(library, video, url, active, onFailed);
};

/** Errors of the playlist are errors of the element here. */
function openNative(video: VideoElement, url: string): HlsPlayback {
  video.src = url;
  return { setActive() {}, close() {} };
}

/** One instance for one clip on one element. */
function openLibrary(Library: typeof Hls, video: VideoElement, url: string, active: boolean, onFailed: () => void): HlsPlayback {
  const hls = new Library({
    capLevelToPlayerSize: true,
    ...(lastBandwidth !== null && { abrEwmaDefaultEstimate: lastBandwidth, testBandwidth: false }),
    maxBufferLength: active ? playingBuffer : waitingBuffer,
    maxMaxBufferLength: playingBuffer,
    backBufferLength: backBuffer,
    enableWorker: false, // segments are fragmented MP4, so there is next to nothing to do, and the page allows no worker from a blob
  });
  const close = () => {
    if (hls.bandwidthEstimate > 0) lastBandwidth = hls.bandwidthEstimate;
    hls.destroy();
  };
  hls.on(Library.Events.ERROR, (_event, error: ErrorData) => {
    if (error.fatal) onFailed();
  });
  hls.loadSource(url);
  hls.attachMedia(video as HTMLVideoElement);
  return { setActive: (now) => void (hls.config.maxBufferLength = now ? playingBuffer : waitingBuffer), close };
}
