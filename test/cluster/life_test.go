package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"douyin.dev/test/harness"
)

const (
	// firstTag and nextTag are those of the images, and of what they are replaced by.
	firstTag, nextTag = "dev", "next"
	// deleteEvery is how often a pod is deleted.
	deleteEvery = 5 * time.Second
	// mostMemory is what the pods of the mesh may hold when nobody calls, in bytes.
	mostMemory = 600 << 20
	// mostSpread is how far the busiest replica may be above the least busy.
	mostSpread = 0.20
	// measured is how long calls are counted.
	measured = 30 * time.Second
	// restFor is how long nobody calls before memory is measured: what starting and
	// serving left behind has been given back by then, or never will.
	restFor = time.Minute
	// leastCalls is how many calls a component must have served meanwhile, and how
	// many writes must have been acknowledged under a load.
	leastCalls = 100
)

// life is one run through the steps.
type life struct {
	*kube
	report *report
}

// TestLife takes a release from nothing to nothing. Steps follow one another;
// each also runs alone on a release that is there.
func TestLife(t *testing.T) {
	l := &life{kube: &kube{namespace: env("CLUSTER_NAMESPACE", "douyin-test")}, report: &report{}}
	defer func() {
		if err := l.report.print(os.Stdout, os.Getenv("CLUSTER_REPORT")); err != nil {
			t.Error(err)
		}
	}()
	for _, step := range []struct {
		name string
		run  func(*life, *testing.T)
	}{
		{"load", (*life).load},
		{"install", (*life).install},
		{"demo", (*life).demo},
		{"idle", (*life).idle},
		{"smoke", (*life).smoke},
		{"contract", (*life).contract},
		{"rested", (*life).rested},
		{"upgrade", (*life).upgrade},
		{"rollback", (*life).rollback},
		{"proxy", (*life).proxy},
		{"deletions", (*life).deletions},
		{"stores", (*life).stores},
		{"balance", (*life).balance},
		{"pool", (*life).pool},
		{"topic", (*life).topic},
		{"mtls", (*life).mtls},
		{"uninstall", (*life).uninstall},
	} {
		if !t.Run(step.name, func(t *testing.T) { step.run(l, t) }) {
			l.explain(t)
			return // later steps stand on earlier ones
		}
	}
}

// explain shows what a failed step left.
func (l *life) explain(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, args := range [][]string{
		{"get", "pods", "-o", "wide"},
		{"get", "events", "--sort-by=.lastTimestamp", "--field-selector=type=Warning"},
	} {
		out, err := l.ctl(ctx, args...)
		if err != nil {
			t.Log(err)
			continue
		}
		lines := strings.Split(out, "\n")
		t.Logf("kubectl %s\n%s", strings.Join(args, " "), strings.Join(lines[max(0, len(lines)-40):], "\n"))
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// load makes the images known to the nodes.
func (l *life) load(t *testing.T) {
	began, n := time.Now(), 0
	dist := env("CLUSTER_IMAGES", "../../dist")
	for _, dir := range []string{dist, filepath.Join(dist, "next")} {
		loaded, err := load(t.Context(), dir)
		check(t, err)
		n += loaded
	}
	l.report.add("images loaded", "", "%d in %.0f s", n, time.Since(began).Seconds())
}

// install begins with an empty namespace and no volumes.
func (l *life) install(t *testing.T) {
	ctx := t.Context()
	check(t, l.makeNamespace(ctx))
	class, err := l.storageClass(ctx)
	check(t, err)
	check(t, l.installKinds(ctx))
	began := time.Now()
	check(t, l.deploy(ctx, deployment{class: class, tag: firstTag}))
	check(t, l.settle(ctx))
	took := time.Since(began)
	pods, err := l.pods(ctx)
	check(t, err)
	restarts := 0
	for _, p := range pods {
		for _, c := range p.Status.ContainerStatuses {
			restarts += c.RestartCount
		}
	}
	l.report.add("install: all pods Ready", "180 s", "%d pods in %.0f s, %d restarts", len(pods), took.Seconds(), restarts)
	if took > readyWithin {
		t.Errorf("ready after %s, want at most %s", took.Round(time.Second), readyWithin)
	}
}

// idle measures memory of pods that were never called.
func (l *life) idle(t *testing.T) { l.weigh(t, "after the install") }

// rested measures it again once they have served a whole suite.
func (l *life) rested(t *testing.T) { l.weigh(t, "after the contract suite") }

// weigh measures memory when nobody has called for a while.
func (l *life) weigh(t *testing.T, when string) {
	select {
	case <-t.Context().Done():
	case <-time.After(restFor):
	}
	var mesh, infra usage
	err := poll(t.Context(), 3*time.Minute, func(ctx context.Context) (err error) {
		mesh, infra, err = l.weights(ctx)
		if err == nil && mesh.workingSet > mostMemory {
			err = fmt.Errorf("the mesh holds %d MiB, want at most %d MiB", mesh.workingSet>>20, mostMemory>>20)
		}
		return err
	})
	l.report.add("idle memory of the mesh's pods, a minute "+when, "600 MiB", "%d MiB working set, %d MiB resident (development stores besides: %d, %d MiB)",
		mesh.workingSet>>20, mesh.resident>>20, infra.workingSet>>20, infra.resident>>20)
	check(t, err)
}

// weights sums the memory of the mesh's pods, and of the stores'.
func (l *life) weights(ctx context.Context) (mesh, infra usage, err error) {
	pods, err := l.pods(ctx)
	if err != nil {
		return mesh, infra, err
	}
	used, err := l.memory(ctx)
	if err != nil {
		return mesh, infra, err
	}
	for _, p := range pods {
		u := used[p.Metadata.Name]
		if u.workingSet == 0 {
			return mesh, infra, fmt.Errorf("no figure for %s yet", p.Metadata.Name)
		}
		to := &mesh
		if stores[p.Metadata.component()] {
			to = &infra
		}
		to.resident, to.workingSet = to.resident+u.resident, to.workingSet+u.workingSet
	}
	return mesh, infra, nil
}

// demo waits for the videos that a first install brings.
func (l *life) demo(t *testing.T) {
	_, err := l.ctl(t.Context(), "wait", "--for=condition=complete", "--timeout=5m", "job/"+release+"-demo")
	check(t, err)
	base, err := l.gateway(t.Context())
	check(t, err)
	feed, err := harness.NewClient(base).Get(t.Context(), "/douyin/feed/")
	check(t, err)
	if videos, _ := feed.Fields["video_list"].([]any); len(videos) == 0 {
		t.Errorf("the feed of a fresh cluster is empty: %s", feed.Body)
	}
}

// smoke runs the chart's own test.
func (l *life) smoke(t *testing.T) {
	l.report.add("helm test", "green", "green in %.0f s", l.tested(t).Seconds())
}

// tested runs helm test and returns how long it took.
func (l *life) tested(t *testing.T) time.Duration {
	t.Helper()
	began := time.Now()
	out, err := l.helm(t.Context(), "test", release, "--timeout", "3m")
	if err != nil {
		logs, _ := l.ctl(t.Context(), "logs", "--selector", "app.kubernetes.io/component=smoke", "--tail=50")
		t.Fatalf("%v\n%s\n%s", err, out, logs)
	}
	return time.Since(began)
}

// contract runs the contract suite through the gateway's Service.
func (l *life) contract(t *testing.T) {
	l.report.add("contract suite through the Service", "green", "green in %.0f s", l.suite(t).Seconds())
}

// suite runs the contract suite and returns how long it took.
func (l *life) suite(t *testing.T) time.Duration {
	t.Helper()
	base := l.base(t)
	began := time.Now()
	cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-timeout=10m", "./contract/...")
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "DOUYIN_URL="+base)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return time.Since(began)
}

func (l *life) base(t *testing.T) string {
	t.Helper()
	base, err := l.gateway(t.Context())
	check(t, err)
	return base
}

// deployed returns the deployment that others change: with the storage class
// the release has.
func (l *life) deployed(t *testing.T, d deployment) deployment {
	t.Helper()
	out, err := l.ctl(t.Context(), "get", "pvc", "-o", "jsonpath={.items[0].spec.storageClassName}")
	check(t, err)
	if out = strings.TrimSpace(out); out == className {
		d.class = out
	}
	return d
}

// start deploys, and then lets clients act through the gateway's Service.
func (l *life) start(t *testing.T, d deployment, keepAlive bool) *traffic {
	t.Helper()
	d.unlimited = true
	check(t, l.deploy(t.Context(), l.deployed(t, d)))
	check(t, l.settle(t.Context()))
	load, err := startTraffic(t.Context(), l.base(t), keepAlive)
	check(t, err)
	t.Cleanup(load.close)
	return load
}

// nothingLost stops a load and checks its ledger, which must not be empty.
func (l *life) nothingLost(t *testing.T, load *traffic) (counts, int) {
	t.Helper()
	c := load.stop()
	violations, err := load.check(t.Context())
	check(t, err)
	const most = 20
	for _, v := range violations[:min(most, len(violations))] {
		t.Errorf("%s: %s", v.Rule, v.Text)
	}
	if load.figures.OK < leastCalls {
		t.Errorf("%d writes were acknowledged, want at least %d: %v", load.figures.OK, leastCalls, c)
	}
	return c, load.figures.OK
}

// upgrade replaces every image under load.
func (l *life) upgrade(t *testing.T) {
	load := l.start(t, deployment{tag: firstTag}, true)
	began := time.Now()
	check(t, l.deploy(t.Context(), l.deployed(t, deployment{tag: nextTag, unlimited: true})))
	check(t, l.settle(t.Context()))
	took := time.Since(began)
	l.sameImages(t, nextTag)
	c, acked := l.nothingLost(t, load)
	l.report.add("upgrade under load", "0 failed", "%d failed, %d reset of %d calls, %d writes kept, %.0f s", c.failures(), c.Reset, c.Answered, acked, took.Seconds())
	if c.failures() > 0 || c.Reset > 0 {
		t.Errorf("calls failed: %v", c)
	}
}

// sameImages checks that every pod of the mesh runs a tag.
func (l *life) sameImages(t *testing.T, tag string) {
	t.Helper()
	pods, err := l.pods(t.Context())
	check(t, err)
	for _, p := range pods {
		if image := p.Spec.Containers[0].Image; !stores[p.Metadata.component()] && !strings.HasSuffix(image, ":"+tag) {
			t.Errorf("%s runs %s", p.Metadata.Name, image)
		}
	}
}

// rollback goes back to the revision before, under load, too.
func (l *life) rollback(t *testing.T) {
	load, err := startTraffic(t.Context(), l.base(t), true)
	check(t, err)
	t.Cleanup(load.close)
	began := time.Now()
	_, err = l.helm(t.Context(), "rollback", release, "--wait", "--timeout", helmLimit)
	check(t, err)
	check(t, l.settle(t.Context()))
	took := time.Since(began)
	l.sameImages(t, firstTag)
	c, acked := l.nothingLost(t, load)
	l.report.add("rollback under load", "0 failed", "%d failed, %d reset of %d calls, %d writes kept, %.0f s", c.failures(), c.Reset, c.Answered, acked, took.Seconds())
	if c.failures() > 0 || c.Reset > 0 {
		t.Errorf("calls failed: %v", c)
	}
}

// deletions deletes one pod after the other. Each is one of a component that is
// complete: two of two at once is an outage, not a deletion.
func (l *life) deletions(t *testing.T) {
	within, err := time.ParseDuration(env("CLUSTER_DELETE_FOR", "60s"))
	check(t, err)
	load := l.start(t, deployment{tag: firstTag, replicas: 2, gateways: 2}, true)
	deleted := l.deleteFor(t, within)
	check(t, l.settle(t.Context()))
	c, acked := l.nothingLost(t, load)
	l.report.add(fmt.Sprintf("a pod deleted every 5 s for %s", within), "nothing lost, 0 failed", "%d deleted, %d failed, %d reset of %d calls, %d writes kept", deleted, c.failures(), c.Reset, c.Answered, acked)
	if c.failures() > 0 {
		t.Errorf("calls failed: %v", c)
	}
	if deleted < 1 {
		t.Errorf("%s are too short for a deletion", within)
	}
}

// deleteFor deletes a pod every five seconds and returns how many. A command
// that was slow puts off the next one, but not those after it.
func (l *life) deleteFor(t *testing.T, within time.Duration) int {
	t.Helper()
	began, deleted := time.Now(), 0
	for due := began.Add(deleteEvery); due.Sub(began) <= within; due = due.Add(deleteEvery) {
		select {
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-time.After(time.Until(due)):
		}
		check(t, poll(t.Context(), readyWithin, func(ctx context.Context) error {
			name, err := l.victim(ctx)
			if err != nil {
				return err
			}
			_, err = l.ctl(ctx, "delete", "pod", name, "--wait=false")
			return err
		}))
		deleted++
	}
	return deleted
}

// victim draws a pod of the mesh whose component is complete.
func (l *life) victim(ctx context.Context) (string, error) {
	pods, err := l.pods(ctx)
	if err != nil {
		return "", err
	}
	incomplete := map[string]bool{}
	for _, p := range pods {
		incomplete[p.Metadata.component()] = incomplete[p.Metadata.component()] || !p.ready()
	}
	var all []string
	for _, p := range pods {
		if c := p.Metadata.component(); !stores[c] && !incomplete[c] {
			all = append(all, p.Metadata.Name)
		}
	}
	if len(all) == 0 {
		return "", errors.New("no component is complete")
	}
	return all[rand.IntN(len(all))], nil
}

// stores deletes the pod of each store under load. Calls that need it fail
// meanwhile; what was acknowledged stays.
func (l *life) stores(t *testing.T) {
	load := l.start(t, deployment{tag: firstTag}, true)
	began := time.Now()
	for _, name := range slices.Sorted(maps.Keys(stores)) {
		pod := release + "-" + name + "-0"
		_, err := l.ctl(t.Context(), "delete", "pod", pod, "--wait")
		check(t, err)
		check(t, poll(t.Context(), readyWithin, func(ctx context.Context) error {
			_, err := l.ctl(ctx, "wait", "pod/"+pod, "--for=condition=Ready", "--timeout=5s")
			return err
		}))
	}
	check(t, l.settle(t.Context()))
	took := time.Since(began)
	c, acked := l.nothingLost(t, load)
	l.report.add("every store's pod deleted once", "nothing lost", "%d writes kept, %d calls refused or reset of %d, %.0f s", acked, c.failures()+c.Reset, c.Answered, took.Seconds())
}

// balance scales out and looks who serves how much.
func (l *life) balance(t *testing.T) {
	ctx := t.Context()
	load := l.start(t, deployment{tag: firstTag, replicas: 1, gateways: 1}, false)
	check(t, l.deploy(ctx, l.deployed(t, deployment{tag: firstTag, replicas: 3, gateways: 2, unlimited: true})))
	check(t, l.settle(ctx))
	before := l.loads(t)
	l.readFeeds(t, load.meter.url())
	after := l.loads(t)
	c, _ := l.nothingLost(t, load)
	if c.failures() > 0 {
		t.Errorf("calls failed: %v", c)
	}
	worst, whose := 0.0, ""
	for component, pods := range after {
		total := 0.0
		for name := range pods {
			pods[name] -= before[component][name]
			total += pods[name]
		}
		if total < leastCalls {
			t.Errorf("%s: %.0f calls say nothing about who serves how much", component, total)
		}
		s := spread(pods)
		t.Logf("%-12s %3.0f %% %v", component, 100*s, slices.Sorted(maps.Values(pods)))
		if s > worst || whose == "" {
			worst, whose = s, component
		}
		if want := map[bool]int{true: 2, false: 3}[component == "gateway"]; len(pods) != want {
			t.Errorf("%s: %d pods serve, want %d", component, len(pods), want)
		}
		if s > mostSpread {
			t.Errorf("%s: the busiest replica serves %.0f %% more than the least busy: %v", component, 100*s, pods)
		}
	}
	l.report.add("2 gateways, 3 replicas share load", "within 20 %", "within %.0f %% (%s)", 100*worst, whose)
}

// readFeeds reads the feed for the time that is measured, beside the load, which
// does not.
func (l *life) readFeeds(t *testing.T, base string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), measured)
	defer cancel()
	client := harness.NewClient(base)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var reads sync.WaitGroup
	defer reads.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			reads.Go(func() { _, _ = client.Get(t.Context(), "/douyin/feed/") }) // the meter counts how it ends
		}
	}
}

// loads returns how many calls each pod has served, by component.
func (l *life) loads(t *testing.T) map[string]map[string]float64 {
	t.Helper()
	pods, err := l.pods(t.Context())
	check(t, err)
	_, called, err := chartServices()
	check(t, err)
	all := map[string]map[string]float64{}
	for _, p := range pods {
		component := p.Metadata.component()
		if component != edge && !slices.Contains(called, component) {
			continue
		}
		text, err := l.metrics(t.Context(), p.Metadata.Name)
		check(t, err)
		n, err := servedCalls(text)
		check(t, err)
		if all[component] == nil {
			all[component] = map[string]float64{}
		}
		all[component][p.Metadata.Name] = n
	}
	return all
}

// uninstall leaves claims and nothing else.
func (l *life) uninstall(t *testing.T) {
	ctx := t.Context()
	if os.Getenv("CLUSTER_KEEP") != "" {
		check(t, l.deploy(ctx, l.deployed(t, deployment{tag: firstTag})))
		l.report.add("uninstall", "only claims stay", "kept, as CLUSTER_KEEP says")
		return
	}
	for _, name := range []string{release, release + "-crds"} {
		_, err := l.helm(ctx, "uninstall", name, "--ignore-not-found", "--wait", "--timeout", helmLimit)
		check(t, err)
	}
	var left []string
	err := poll(ctx, 2*time.Minute, func(ctx context.Context) (err error) {
		if left, err = l.leftovers(ctx); err == nil && len(left) > 0 {
			err = fmt.Errorf("there are still %s", strings.Join(left, " "))
		}
		return err
	})
	claims, claimErr := l.ctl(ctx, "get", "pvc", "-o", "name")
	l.report.add("uninstall", "only claims stay", "%d other objects, %d claims", len(left), len(strings.Fields(claims)))
	check(t, cmp.Or(err, claimErr))
	if len(strings.Fields(claims)) != len(stores) {
		t.Errorf("claims: %s", claims)
	}
}
