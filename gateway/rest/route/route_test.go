package route_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"douyin.dev/gateway/rest/route"
	_ "douyin.dev/gen/douyin/api/v1" // the RPCs that routes name
)

func TestRoutesNameTheirRPC(t *testing.T) {
	t.Parallel()
	routes, err := route.Parse([]byte(`
http:
  rules:
    - {selector: douyin.api.v1.FeedService.GetFeed, get: /douyin/feed}
    - selector: douyin.api.v1.RelationService.Follow
      post: /douyin/relation/action/1
      additional_bindings: [{post: /douyin/relation/follow}]
`))
	if err != nil {
		t.Fatal(err)
	}
	var got [][]string
	for _, r := range routes {
		path, action := r.Client()
		got = append(got, []string{r.Method, r.Path, r.Procedure(), path, action})
	}
	want := [][]string{
		{"GET", "/douyin/feed", "/douyin.api.v1.FeedService/GetFeed", "/douyin/feed", ""},
		{"POST", "/douyin/relation/action/1", "/douyin.api.v1.RelationService/Follow", "/douyin/relation/action", "1"},
		{"POST", "/douyin/relation/follow", "/douyin.api.v1.RelationService/Follow", "/douyin/relation/follow", ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestBadConfigsAreRefused(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]string{
		"not YAML":      "\t",
		"unknown RPC":   "http: {rules: [{selector: douyin.api.v1.FeedService.Nothing, get: /x}]}",
		"no RPC":        "http: {rules: [{selector: douyin.api.v1.User, get: /x}]}",
		"no path":       "http: {rules: [{selector: douyin.api.v1.FeedService.GetFeed}]}",
		"two methods":   "http: {rules: [{selector: douyin.api.v1.FeedService.GetFeed, get: /x, post: /x}]}",
		"other binding": "http: {rules: [{selector: douyin.api.v1.FeedService.GetFeed, get: /x, additional_bindings: [{put: /x}]}]}",
	} {
		if _, err := route.Parse([]byte(config)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
