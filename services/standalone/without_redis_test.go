package standalone_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/alecthomas/kong"

	userv1 "douyin.dev/gen/douyin/user/v1"
	"douyin.dev/gen/douyin/user/v1/userv1connect"
	"douyin.dev/services/platform/app"
	"douyin.dev/services/platform/infratest"
	"douyin.dev/services/user"
)

// A user registers and is who they are at once, with no Redis anywhere.
func TestAServiceStartsAndServesWithoutRedis(t *testing.T) {
	t.Parallel()
	var config app.Config
	parser, err := kong.New(&config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(nil); err != nil {
		t.Fatal(err)
	}
	config.Listen, config.PrivateListen = infratest.FreeAddress(t), infratest.FreeAddress(t)
	config.PostgresDSN, config.KafkaBrokers = database(t), infratest.Kafka(t)
	config.RedisAddrs = []string{infratest.FreeAddress(t)} // nobody answers there
	config.ServiceURL = "http://" + config.Listen
	var component user.Component
	if parser, err = kong.New(&component); err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(nil); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- app.Run(ctx, "user", &config, &component) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	awaitReady(t, "http://"+config.PrivateListen+"/readyz", ended)

	users := userv1connect.NewUserServiceClient(http.DefaultClient, "http://"+config.Listen)
	registered, err := users.Register(ctx, &userv1.RegisterRequest{Username: "lin", Password: "correct horse"})
	if err != nil {
		t.Fatal(err)
	}
	session, err := users.VerifySession(ctx, &userv1.VerifySessionRequest{Token: registered.GetToken()})
	if err != nil || session.GetViewerToken() == "" {
		t.Errorf("own session: %v, %v", session, err)
	}
}
