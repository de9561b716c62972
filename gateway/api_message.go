package gateway

import (
	"context"

	apiv1 "douyin.dev/gen/douyin/api/v1"
	messagev1 "douyin.dev/gen/douyin/message/v1"
)

// SendMessage sends a message.
func (g *Gateway) SendMessage(ctx context.Context, req *apiv1.SendMessageRequest) (*apiv1.SendMessageResponse, error) {
	res, err := g.Message.SendMessage(ctx, &messagev1.SendMessageRequest{
		ToUserId: req.GetToUserId(), Content: req.GetContent(), IdempotencyKey: req.GetIdempotencyKey(),
	})
	if err != nil {
		return nil, err
	}
	return &apiv1.SendMessageResponse{Message: publicMessage(res.GetMessage())}, nil
}

// ListMessages answers a conversation; after pre_msg_time only what the caller
// received, since apps poll with it and already show what they sent.
func (g *Gateway) ListMessages(ctx context.Context, req *apiv1.ListMessagesRequest) (*apiv1.ListMessagesResponse, error) {
	size, err := pageSize(req.GetPageSize())
	if err != nil {
		return nil, err
	}
	if err := g.mustExist(ctx, req.GetToUserId()); err != nil {
		return nil, err
	}
	after := max(req.GetPreMsgTime(), 0)
	list, err := g.Message.ListMessages(ctx, &messagev1.ListMessagesRequest{
		PeerId: req.GetToUserId(), AfterMs: after, ReceivedOnly: after > 0, PageSize: size, PageToken: req.GetPageToken(),
	})
	if err != nil {
		return nil, err
	}
	res := &apiv1.ListMessagesResponse{NextPageToken: list.GetNextPageToken()}
	for _, m := range list.GetMessages() {
		res.MessageList = append(res.MessageList, publicMessage(m))
	}
	return res, nil
}

func publicMessage(m *messagev1.Message) *apiv1.Message {
	return &apiv1.Message{
		Id: m.GetId(), ToUserId: m.GetToUserId(), FromUserId: m.GetFromUserId(),
		Content: m.GetContent(), CreateTime: m.GetSentAtMs(),
	}
}
