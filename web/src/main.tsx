import "./ui/tokens.css";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { queryClient } from "./api/query";
import { startTranslations } from "./i18n/i18n";
import { router } from "./routes";
import { applySettings } from "./settings/settings";

applySettings();
await startTranslations();

/** Registers the worker that keeps the page's files for when there is no network. A browser that refuses goes without. */
function registerWorker() {
  void navigator.serviceWorker.register("/sw.js").catch(() => undefined);
}

// In development the files change too often.
if (import.meta.env.PROD && "serviceWorker" in navigator) {
  if (document.readyState === "complete") registerWorker();
  else addEventListener("load", registerWorker);
}

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no element called root");
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queryClient}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
);
