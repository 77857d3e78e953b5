// 签字:在屏幕上用手指写
/** Makes a canvas a pad; `signed` hears of each stroke's picture, and of nothing when it is cleared. Gives the way to clear it. */
export function pad(canvas: HTMLCanvasElement, signed: (picture: Blob | null) => void): () => void {
  const pen = canvas.getContext("2d")!;
  const clear = (): void => {
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    signed(null);
  };
  clear();
  const at = (e: PointerEvent): [number, number] => {
    const box = canvas.getBoundingClientRect();
    return [((e.clientX - box.left) * canvas.width) / box.width, ((e.clientY - box.top) * canvas.height) / box.height];
  };
  canvas.addEventListener("pointerdown", (e) => {
    canvas.setPointerCapture(e.pointerId);
    pen.lineWidth = 4;
    pen.lineCap = "round";
    pen.strokeStyle = "#000";
    pen.beginPath();
    pen.moveTo(...at(e));
    e.preventDefault();
  });
  canvas.addEventListener("pointermove", (e) => {
    if (!canvas.hasPointerCapture(e.pointerId)) return;
    pen.lineTo(...at(e));
    pen.stroke();
  });
  canvas.addEventListener("pointerup", () => canvas.toBlob(signed, "image/png"));
  return clear;
}
