import { createClient } from "@connectrpc/connect";
import { MessageService, MessageStreamService } from "@douyin/api/message_pb";
import { streams, transport } from "../api/transport";

// Apart from the other clients: only pages of a viewer need them.
export const messageClient = createClient(MessageService, transport);
export const messageStreamClient = createClient(MessageStreamService, streams);
