// 照片:在浏览器里缩小,拍摄的位置和机型不带走
const LONGEST = 1600;
/** Bytes that a photo may have: a village's signal carries it. */
const MOST = 300_000;

/** Draws a picture anew, smaller: nothing of what a camera adds goes along. Null where the browser cannot read it (HEIC on Android). */
export async function redrawn(file: Blob, longest = LONGEST): Promise<Blob | null> {
  try {
    // the way a phone was held is applied, and gone with the rest
    const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
    const scale = Math.min(1, longest / Math.max(picture.width, picture.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(picture.width * scale);
    canvas.height = Math.round(picture.height * scale);
    canvas.getContext("2d")!.drawImage(picture, 0, 0, canvas.width, canvas.height);
    picture.close();
    for (const quality of [0.8, 0.65, 0.5, 0.35]) {
      const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/jpeg", quality));
      if (!blob || blob.size <= MOST) return blob;
    }
    return longest > 800 ? redrawn(file, longest * 0.7) : null;
  } catch {
    return null;
  }
}

/** A smaller photo for a form that is sent at once; what cannot be read goes as it is, and the server says so. */
export async function smaller(file: File): Promise<File> {
  if (!file.type.startsWith("image/") || file.size < MOST) return file;
  const blob = await redrawn(file);
  return blob && blob.size < file.size ? new File([blob], file.name.replace(/\.\w+$/, ".jpg"), { type: "image/jpeg" }) : file;
}
