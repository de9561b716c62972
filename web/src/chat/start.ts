import { sessionExpired } from "../session/session";
import { followMessages } from "./live";
import { addMessage, resetChat, setConnected } from "./store";

/** Follows the viewer's messages until the returned function is called; what was known of another viewer is forgotten. */
export function startChat(): () => void {
  resetChat();
  return followMessages({ onMessage: addMessage, onConnected: setConnected, onExpired: sessionExpired });
}
