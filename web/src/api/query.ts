import { QueryClient } from "@tanstack/react-query";
import { failureOf } from "./failure";

/** Queries are tried again only where that can help, and stay fresh for half a minute. */
export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 30_000,
      retry: (failures, error) => {
        const { kind } = failureOf(error);
        return failures < 2 && (kind === "server" || kind === "limited");
      },
      refetchOnWindowFocus: false,
    },
  },
});
