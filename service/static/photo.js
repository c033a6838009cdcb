/* One photograph: its file, what is shown of it, and what the server answered. */

import { estimate, Problem, upright } from "./api.js";

const LONGEST_SIDE = 1600; // of what is shown; what is sent is the file as it is

export class Photo {
  constructor(name, blob) {
    this.name = name;
    this.blob = blob;
    this.picture = null; // an ImageBitmap of at most LONGEST_SIDE
    this.response = null;
    this.problem = null;
    this.busy = true;
  }

  /* Pixels of the upright photograph, which all coordinates are in. */
  get size() {
    return this.response?.images[0] ?? this.original ?? null;
  }

  async open() {
    const full = await decode(this.blob);
    if (full) await this.keep(full);
  }

  async answer(options, onWait) {
    this.busy = true;
    this.problem = null;
    try {
      this.response = await estimate(this.blob, options, onWait);
      if (!this.picture) await this.keep(await this.fullPicture());
    } catch (error) {
      this.problem = error instanceof Problem ? error : new Problem({ title: "This page failed.", detail: error.message });
    }
    this.busy = false;
  }

  async keep(full) {
    this.original = { width: full.width, height: full.height };
    this.picture = await shrunk(full);
  }

  /* The whole photograph, to draw on. */
  async fullPicture() {
    return (await decode(this.blob)) ?? createImageBitmap(await upright(this.blob));
  }
}

/* Upright, as the EXIF orientation says; null if the browser cannot show the type. */
async function decode(blob) {
  try {
    return await createImageBitmap(blob, { imageOrientation: "from-image" });
  } catch {
    return null;
  }
}

async function shrunk(full) {
  const scale = LONGEST_SIDE / Math.max(full.width, full.height);
  if (scale >= 1) return full;
  const size = { resizeWidth: Math.round(full.width * scale), resizeHeight: Math.round(full.height * scale) };
  const small = await createImageBitmap(full, { ...size, resizeQuality: "high" });
  full.close();
  return small;
}
