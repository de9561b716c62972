package contract_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	apiv1 "douyin.dev/gen/douyin/api/v1"
	"douyin.dev/gen/douyin/api/v1/apiv1connect"
	"douyin.dev/test/harness"
)

// protocol is a way to speak to the public API.
type protocol struct {
	name    string
	http    *http.Client
	options []connect.ClientOption
}

func protocols() []protocol {
	http1 := &http.Client{Transport: &http.Transport{}}
	h2 := &http.Protocols{}
	h2.SetUnencryptedHTTP2(true)
	http2 := &http.Client{Transport: &http.Transport{Protocols: h2}}
	return []protocol{
		{name: "Connect", http: http1},
		{name: "ConnectJSON", http: http1, options: []connect.ClientOption{connect.WithProtoJSON()}},
		{name: "ConnectGet", http: http1, options: []connect.ClientOption{connect.WithHTTPGet()}},
		{name: "ConnectHTTP2", http: http2},
		{name: "GRPC", http: http2, options: []connect.ClientOption{connect.WithGRPC()}},
		{name: "GRPCWeb", http: http1, options: []connect.ClientOption{connect.WithGRPCWeb()}},
	}
}

// rpc is every service of the public API for one caller.
type rpc struct {
	feed        apiv1connect.FeedServiceClient
	user        apiv1connect.UserServiceClient
	video       apiv1connect.VideoServiceClient
	upload      apiv1connect.UploadServiceClient
	interaction apiv1connect.InteractionServiceClient
	relation    apiv1connect.RelationServiceClient
	message     apiv1connect.MessageServiceClient
	stream      apiv1connect.MessageStreamServiceClient
	search      apiv1connect.SearchServiceClient
	status      apiv1connect.VideoStatusServiceClient
}

// as returns the API with a token in `Authorization: Bearer`, anonymous without one.
func (p protocol) as(token string) rpc {
	options := append(slices.Clone(p.options), connect.WithInterceptors(bearer(token)))
	url := platform.URL()
	return rpc{
		feed:        apiv1connect.NewFeedServiceClient(p.http, url, options...),
		user:        apiv1connect.NewUserServiceClient(p.http, url, options...),
		video:       apiv1connect.NewVideoServiceClient(p.http, url, options...),
		upload:      apiv1connect.NewUploadServiceClient(p.http, url, options...),
		interaction: apiv1connect.NewInteractionServiceClient(p.http, url, options...),
		relation:    apiv1connect.NewRelationServiceClient(p.http, url, options...),
		message:     apiv1connect.NewMessageServiceClient(p.http, url, options...),
		stream:      apiv1connect.NewMessageStreamServiceClient(p.http, url, options...),
		search:      apiv1connect.NewSearchServiceClient(p.http, url, options...),
		status:      apiv1connect.NewVideoStatusServiceClient(p.http, url, options...),
	}
}

// bearer adds a token to calls and streams.
type bearer string

func (b bearer) set(header http.Header) {
	if b != "" {
		header.Set("Authorization", "Bearer "+string(b))
	}
}

func (b bearer) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		b.set(req.Header())
		return next(ctx, req)
	}
}

func (b bearer) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return func(ctx context.Context, spec connect.Spec) connect.StreamingClientConn {
		conn := next(ctx, spec)
		b.set(conn.RequestHeader())
		return conn
	}
}

func (b bearer) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}

func everyProtocol(t *testing.T, check func(t *testing.T, p protocol)) {
	t.Helper()
	for _, p := range protocols() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			check(t, p)
		})
	}
}

// must unwraps an answer that must come.
func must[M any](t *testing.T) func(M, error) M {
	return func(m M, err error) M {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
}

// The same API over every protocol: what one face writes, the other reads.
func TestPublicAPISpeaksEveryProtocol(t *testing.T) {
	t.Parallel()
	s := theStage(t)
	everyProtocol(t, func(t *testing.T, p protocol) {
		ctx := t.Context()
		name := harness.Name("rpc")
		registered := must[*apiv1.RegisterResponse](t)(p.as("").user.Register(ctx, &apiv1.RegisterRequest{Username: name, Password: "secret"}))
		me := &person{id: registered.GetUserId(), token: registered.GetToken(), client: shared().WithToken(registered.GetToken())}
		api := p.as(me.token)

		user := must[*apiv1.GetUserResponse](t)(api.user.GetUser(ctx, &apiv1.GetUserRequest{})).GetUser()
		if user.GetId() != me.id || user.GetName() != name || user.GetAvatar() == "" {
			t.Errorf("got user %v", user)
		}
		video, peer := s.crowded.ID, s.crowd.id
		must[*apiv1.LikeVideoResponse](t)(api.interaction.LikeVideo(ctx, &apiv1.LikeVideoRequest{VideoId: video}))
		if got := videoIDs(me.liked(t)); !slices.Equal(got, []int64{video}) {
			t.Errorf("REST lists the likes %v, want %d", got, video)
		}
		liked := must[*apiv1.ListLikedVideosResponse](t)(api.interaction.ListLikedVideos(ctx, &apiv1.ListLikedVideosRequest{})).GetVideoList()
		if len(liked) != 1 || liked[0].GetId() != video || !liked[0].GetIsFavorite() || liked[0].GetAuthor().GetId() != peer {
			t.Errorf("got likes %v", liked)
		}
		must[*apiv1.UnlikeVideoResponse](t)(api.interaction.UnlikeVideo(ctx, &apiv1.UnlikeVideoRequest{VideoId: video}))

		must[*apiv1.FollowResponse](t)(api.relation.Follow(ctx, &apiv1.FollowRequest{ToUserId: peer}))
		if !must[*apiv1.CheckFollowResponse](t)(api.relation.CheckFollow(ctx, &apiv1.CheckFollowRequest{ToUserId: peer})).GetResult() || !me.isFollowing(t, peer) {
			t.Error("does not follow")
		}
		must[*apiv1.UnfollowResponse](t)(api.relation.Unfollow(ctx, &apiv1.UnfollowRequest{ToUserId: peer}))

		comment := must[*apiv1.CreateCommentResponse](t)(api.interaction.CreateComment(ctx, &apiv1.CreateCommentRequest{VideoId: video, CommentText: "rpc"})).GetComment()
		must[*apiv1.DeleteCommentResponse](t)(api.interaction.DeleteComment(ctx, &apiv1.DeleteCommentRequest{VideoId: video, CommentId: comment.GetId()}))

		sent := must[*apiv1.SendMessageResponse](t)(api.message.SendMessage(ctx, &apiv1.SendMessageRequest{ToUserId: peer, Content: "rpc"})).GetMessage()
		if got := me.chat(t, peer); len(got) != 1 || got[0].ID != sent.GetId() || got[0].CreateTime != sent.GetCreateTime() {
			t.Errorf("REST lists %+v, want %v", got, sent)
		}
		page := must[*apiv1.GetFeedResponse](t)(api.feed.GetFeed(ctx, &apiv1.GetFeedRequest{LatestTime: s.video.CreateTime + 1}))
		if len(page.GetVideoList()) == 0 || page.GetVideoList()[0].GetId() != s.video.ID {
			t.Errorf("got feed %v", page)
		}
		must[*apiv1.LogoutResponse](t)(api.user.Logout(ctx, &apiv1.LogoutRequest{}))
		gone(t, me.token)
	})
}

func TestPublicAPIRefusesWithCodesAndReasons(t *testing.T) {
	t.Parallel()
	s := theStage(t)
	everyProtocol(t, func(t *testing.T, p protocol) {
		ctx := t.Context()
		known, nobody := p.as(s.reader.token), p.as("")
		for name, c := range map[string]struct {
			call   func() error
			code   connect.Code
			reason string
			field  string
		}{
			"NoToken":  {code: connect.CodeUnauthenticated, call: func() error { _, err := nobody.user.GetUser(ctx, &apiv1.GetUserRequest{}); return err }},
			"BadToken": {code: connect.CodeUnauthenticated, call: func() error { _, err := p.as("x.y.z").user.GetUser(ctx, &apiv1.GetUserRequest{}); return err }},
			"UnknownVideo": {code: connect.CodeNotFound, reason: "VIDEO_NOT_FOUND", call: func() error {
				_, err := known.interaction.LikeVideo(ctx, &apiv1.LikeVideoRequest{VideoId: 987654321})
				return err
			}},
			"UnknownUser": {code: connect.CodeNotFound, reason: "USER_NOT_FOUND", call: func() error {
				_, err := known.relation.Follow(ctx, &apiv1.FollowRequest{ToUserId: 987654321})
				return err
			}},
			"TakenName": {code: connect.CodeAlreadyExists, reason: "USERNAME_TAKEN", call: func() error {
				_, err := nobody.user.Register(ctx, &apiv1.RegisterRequest{Username: s.reader.name, Password: "x"})
				return err
			}},
			"LongComment": {code: connect.CodeInvalidArgument, field: "comment_text", call: func() error {
				_, err := known.interaction.CreateComment(ctx, &apiv1.CreateCommentRequest{VideoId: s.crowded.ID, CommentText: strings.Repeat("x", 1001)})
				return err
			}},
			"PageSize": {code: connect.CodeInvalidArgument, field: "page_size", call: func() error {
				_, err := known.video.ListPublishedVideos(ctx, &apiv1.ListPublishedVideosRequest{PageSize: 51})
				return err
			}},
			"AnothersVideo": {code: connect.CodePermissionDenied, call: func() error {
				_, err := known.video.DeleteVideo(ctx, &apiv1.DeleteVideoRequest{VideoId: s.video.ID})
				return err
			}},
			"OneMiB": {code: connect.CodeResourceExhausted, call: func() error {
				_, err := known.message.SendMessage(ctx, &apiv1.SendMessageRequest{ToUserId: s.crowd.id, Content: strings.Repeat("x", 1<<20)})
				return err
			}},
		} {
			err := c.call()
			if got := connect.CodeOf(err); err == nil || got != c.code {
				t.Errorf("%s: got %v, want %v", name, err, c.code)
				continue
			}
			reason, field := details(t, err)
			if reason != c.reason && c.reason != "" || field != c.field && c.field != "" {
				t.Errorf("%s: reason %q and field %q, want %q and %q", name, reason, field, c.reason, c.field)
			}
		}
	})
}

// details reads the reason and the first field at fault of an error.
func details(t *testing.T, err error) (reason, field string) {
	t.Helper()
	var failure *connect.Error
	if !errors.As(err, &failure) {
		return "", ""
	}
	for _, detail := range failure.Details() {
		message, err := detail.Value()
		if err != nil {
			t.Errorf("detail: %v", err)
		}
		switch m := message.(type) {
		case *errdetails.ErrorInfo:
			reason = m.GetReason()
		case *errdetails.BadRequest:
			field = m.GetFieldViolations()[0].GetField()
		}
	}
	return reason, field
}

func TestOpenRPCsTakeABadTokenForNone(t *testing.T) {
	t.Parallel()
	s := theStage(t)
	everyProtocol(t, func(t *testing.T, p protocol) {
		for _, token := range []string{"", "garbage"} {
			list := must[*apiv1.ListPublishedVideosResponse](t)(p.as(token).video.ListPublishedVideos(t.Context(), &apiv1.ListPublishedVideosRequest{UserId: s.author.id}))
			if list.GetVideoList()[0].GetIsFavorite() {
				t.Errorf("token %q: somebody is known", token)
			}
		}
	})
}

func TestUploadByStream(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, p protocol) {
		me := newPerson(t)
		file := drawn(t)
		stream := must[*connect.ClientStreamForClientSimple[apiv1.PublishVideoRequest, apiv1.PublishVideoResponse]](t)(p.as(me.token).upload.PublishVideo(t.Context()))
		send := func(request *apiv1.PublishVideoRequest) {
			t.Helper()
			if err := stream.Send(request); err != nil {
				t.Fatal(err)
			}
		}
		send(&apiv1.PublishVideoRequest{Part: &apiv1.PublishVideoRequest_Header{Header: &apiv1.PublishVideoHeader{Title: "streamed"}}})
		for chunk := range slices.Chunk(file, 8<<10) {
			send(&apiv1.PublishVideoRequest{Part: &apiv1.PublishVideoRequest_Chunk{Chunk: chunk}})
		}
		video := must[*apiv1.PublishVideoResponse](t)(stream.CloseAndReceive()).GetVideo()
		list := me.published(t)
		if len(list) != 1 || list[0].ID != video.GetId() || list[0].Title != "streamed" {
			t.Fatalf("published %+v, want %v", list, video)
		}
		loads(t, list[0])
	})
}

func TestKeyedRPCIsDoneOnce(t *testing.T) {
	t.Parallel()
	s := theStage(t)
	everyProtocol(t, func(t *testing.T, p protocol) {
		me := newPerson(t)
		api := p.as(me.token)
		request := &apiv1.SendMessageRequest{ToUserId: s.crowd.id, Content: "once", IdempotencyKey: "key"}
		first := must[*apiv1.SendMessageResponse](t)(api.message.SendMessage(t.Context(), request)).GetMessage()
		second := must[*apiv1.SendMessageResponse](t)(api.message.SendMessage(t.Context(), request)).GetMessage()
		if first.GetId() != second.GetId() || len(me.chat(t, s.crowd.id)) != 1 {
			t.Errorf("got messages %d and %d", first.GetId(), second.GetId())
		}
		request.Content = "twice"
		if _, err := api.message.SendMessage(t.Context(), request); connect.CodeOf(err) != connect.CodeInvalidArgument {
			t.Errorf("another content: got %v", err)
		}
	})
}

// Connect's own gRPC client is not the only one.
func TestOrdinaryGRPCClientIsServed(t *testing.T) {
	t.Parallel()
	s := theStage(t)
	conn, err := grpc.NewClient(strings.TrimPrefix(platform.URL(), "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	users := apiv1.NewUserServiceClient(conn)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+s.reader.token)
	answer := must[*apiv1.GetUserResponse](t)(users.GetUser(ctx, &apiv1.GetUserRequest{UserId: s.author.id}))
	if answer.GetUser().GetName() != s.author.name || !answer.GetUser().GetIsFollow() {
		t.Errorf("got %v", answer)
	}
	_, err = users.GetUser(t.Context(), &apiv1.GetUserRequest{})
	if status.Code(err) != codes.Unauthenticated {
		t.Errorf("without a token: got %v", err)
	}
	if strings.Contains(status.Convert(err).Message(), "rpc") {
		t.Errorf("the message says something internal: %q", status.Convert(err).Message())
	}
}

// The Connect face is clean of the dialect: standard protojson, HTTP statuses, no envelope.
func TestConnectJSONIsStandard(t *testing.T) {
	t.Parallel()
	s := theStage(t)
	procedure := apiv1connect.UserServiceGetUserProcedure
	header := http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + s.reader.token}}
	answer, err := shared().Do(t.Context(), harness.Call{Path: procedure, Header: header, Raw: []byte(`{"userId":"` + text(s.author.id) + `"}`)})
	if err != nil {
		t.Fatal(err)
	}
	user, _ := answer.Fields["user"].(map[string]any)
	if _, enveloped := answer.Fields["status_code"]; enveloped || user["id"] != text(s.author.id) {
		t.Errorf("want the id as a string and no envelope: %s", answer)
	}
	header.Del("Authorization")
	answer, err = shared().Do(t.Context(), harness.Call{Path: procedure, Header: header, Raw: []byte(`{}`)})
	if err != nil {
		t.Fatal(err)
	}
	if answer.HTTP != http.StatusUnauthorized || answer.Fields["code"] != "unauthenticated" {
		t.Errorf("want HTTP 401 and a code: %s", answer)
	}
}
