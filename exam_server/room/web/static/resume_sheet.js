// The button of the resume sheet; without scripts the browser's own menu prints as well.
document.getElementById("print-sheet").addEventListener("click", () => window.print());
