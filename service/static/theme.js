/* Before the page is drawn: the colours that the visitor chose last, else those of the system. */
try {
  const chosen = localStorage.getItem("fasterpose-theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
} catch { /* a browser that keeps nothing */ }
