package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"douyin.dev/test/harness"
	"douyin.dev/test/media"
)

const (
	// liked are videos, enough to be in every partition; fansEach of each are its fans.
	liked, fansEach = 16, 3
	// backlogFor is how long they like and take it back while nobody counts.
	backlogFor = time.Minute
	// scaledWithin is how long the operator may need for each direction.
	scaledWithin = 4 * time.Minute
	// mostWorkers of the pool, as many as the topics have partitions.
	mostWorkers = 4
	counting    = release + "-counter-worker"
)

// slowly lets few likes be a backlog: workers get little of a processor, and few
// seconds for what there is.
var slowly = []string{"services.counter-worker.resources.limits.cpu=30m"}

// pooled lets two operators take turns at sizing the workers.
var pooled = append(slices.Clone(slowly),
	"operator.enabled=true", "operator.replicas=2", "operator.config.DOUYIN_POOL_INTERVAL=2s",
	"operator.pools.counter-worker.targetSeconds=5",
	"operator.pools.counter-worker.stabilization.downSeconds=15",
)

// crowd is an author with videos, and fans who like them.
type crowd struct {
	author *harness.Client
	id     int64
	videos []harness.Video
	fans   []*harness.Client
	calls  atomic.Int64 // likes, and likes that were taken back
}

// gather registers everyone and publishes the videos.
func gather(ctx context.Context, base string) (*crowd, error) {
	run, anonymous := harness.Name("crowd"), harness.NewClient(base)
	author, id, err := register(ctx, anonymous, run)
	if err != nil {
		return nil, err
	}
	c := &crowd{author: author, id: id, fans: make([]*harness.Client, liked*fansEach)}
	file, err := media.Draw()
	if err != nil {
		return nil, fmt.Errorf("draw a video: %w", err)
	}
	for i := range liked {
		if _, err := acked(author.Do(ctx, harness.Call{Path: "/douyin/publish/action/", Parts: []harness.Part{
			{Name: "data", FileName: "v.mp4", Content: file}, {Name: "title", Content: fmt.Append(nil, run, i)},
		}})); err != nil {
			return nil, err
		}
	}
	if c.videos, err = c.published(ctx); err != nil {
		return nil, err
	}
	var group errgroup.Group
	group.SetLimit(clients)
	for i := range c.fans {
		group.Go(func() (err error) {
			c.fans[i], _, err = register(ctx, anonymous, fmt.Sprintf("%s_%d", run, i))
			return err
		})
	}
	return c, group.Wait()
}

// like lets each fan take the like of a video back and give it again, once at
// least and for so long. All of them like it in the end.
func (c *crowd) like(ctx context.Context, lasting time.Duration) error {
	until := time.Now().Add(lasting)
	var group errgroup.Group
	for i, fan := range c.fans {
		group.Go(func() error {
			for again := true; again; again = time.Now().Before(until) {
				for _, action := range []string{"2", "1"} {
					if _, err := acked(fan.Post(ctx, "/douyin/favorite/action/", "video_id", fmt.Sprint(c.videos[i%liked].ID), "action_type", action)); err != nil {
						return err
					}
					c.calls.Add(1)
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// published returns the author's videos; all of them.
func (c *crowd) published(ctx context.Context) ([]harness.Video, error) {
	answer, err := acked(c.author.Get(ctx, "/douyin/publish/list/", "user_id", fmt.Sprint(c.id)))
	if err != nil {
		return nil, err
	}
	var list struct {
		Videos []harness.Video `json:"video_list"`
	}
	if err := answer.Decode(&list); err != nil {
		return nil, err
	}
	if len(list.Videos) != liked {
		return nil, fmt.Errorf("%d videos are published, want %d", len(list.Videos), liked)
	}
	return list.Videos, nil
}

// counted says what differs from what was acknowledged.
func (c *crowd) counted(ctx context.Context) error {
	videos, err := c.published(ctx)
	if err != nil {
		return err
	}
	for _, v := range videos {
		if v.FavoriteCount != fansEach || v.Author.TotalFavorited != liked*fansEach {
			return fmt.Errorf("a video has %d likes and its author %d, want %d and %d", v.FavoriteCount, v.Author.TotalFavorited, fansEach, liked*fansEach)
		}
	}
	return nil
}

func register(ctx context.Context, anonymous *harness.Client, name string) (*harness.Client, int64, error) {
	answer, err := acked(anonymous.Post(ctx, "/douyin/user/register/", "username", name, "password", "secret"))
	if err != nil {
		return nil, 0, err
	}
	var session struct {
		UserID int64  `json:"user_id"`
		Token  string `json:"token"`
	}
	err = answer.Decode(&session)
	return anonymous.WithToken(session.Token), session.UserID, err
}

// acked turns a refusal into an error.
func acked(answer *harness.Answer, err error) (*harness.Answer, error) {
	if err == nil && answer.Code() != 0 {
		err = fmt.Errorf("refused: %s", answer)
	}
	return answer, err
}

// condition is one of a status.
type condition struct{ Type, Status, Reason, Message string }

// holds returns the reason of a condition that is true, or nothing.
func holds(all []condition, name string) string {
	for _, c := range all {
		if c.Type == name && c.Status == "True" {
			return c.Reason
		}
	}
	return ""
}

// pool is a worker pool as the operator sees it.
type pool struct {
	Status struct {
		Backlog    int64
		Conflict   struct{ Manager string }
		Conditions []condition
	}
}

// workers are the counting ones, as they are asked for and as they are.
type workers struct{ asked, ready int }

func (k *kube) workers(ctx context.Context) (workers, error) {
	var d struct {
		Spec   struct{ Replicas int }
		Status struct{ ReadyReplicas int }
	}
	err := k.get(ctx, &d, "deployment", counting)
	return workers{d.Spec.Replicas, d.Status.ReadyReplicas}, err
}

// leader returns the pod of the operator that leads.
func (k *kube) leader(ctx context.Context) (string, error) {
	holder, err := k.ctl(ctx, "get", "lease", "douyin-operator", "-o", "jsonpath={.spec.holderIdentity}")
	name, _, _ := strings.Cut(strings.TrimSpace(holder), "_")
	return name, err
}
