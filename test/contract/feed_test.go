package contract_test

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"douyin.dev/test/harness"
)

// feedPage is an answer of the feed.
type feedPage struct {
	VideoList []harness.Video `json:"video_list"`
	NextTime  int64           `json:"next_time"`
}

// feed reads a page; latest is sent as it is.
func (p *person) feed(t testing.TB, latest string) feedPage {
	t.Helper()
	var page feedPage
	decode(t, p.mustGet(t, "/douyin/feed/", "latest_time", latest), &page)
	return page
}

// feedUntil reads pages from a time on until it has passed an older one.
func (p *person) feedUntil(t testing.TB, from, until int64) []harness.Video {
	t.Helper()
	var all []harness.Video
	for from > until {
		page := p.feed(t, text(from))
		if len(page.VideoList) == 0 {
			break
		}
		if len(page.VideoList) > 30 {
			t.Errorf("a page has %d videos, want at most 30", len(page.VideoList))
		}
		for _, video := range page.VideoList {
			if video.CreateTime >= from {
				t.Errorf("video of %d is not strictly older than %d", video.CreateTime, from)
			}
		}
		if last := page.VideoList[len(page.VideoList)-1]; page.NextTime != last.CreateTime {
			t.Fatalf("next_time is %d, want the publish time %d of the last video", page.NextTime, last.CreateTime)
		}
		all, from = append(all, page.VideoList...), page.NextTime
	}
	return all
}

func TestFreshSystemHasAPublicVideo(t *testing.T) {
	t.Parallel()
	page := anonymous().feed(t, "")
	if len(page.VideoList) == 0 {
		t.Fatal("the feed is empty")
	}
	oldest := anonymous().feedUntil(t, time.Now().Add(time.Minute).UnixMilli(), 0)
	loads(t, oldest[len(oldest)-1])
}

func TestFeedIsNewestFirst(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	first, second := p.publish(t), p.publish(t)
	list := p.feedUntil(t, second.CreateTime+1, first.CreateTime-1)
	if list[0].ID != second.ID || !slices.Contains(videoIDs(list), first.ID) {
		t.Errorf("got %v, want %d first and %d after it", videoIDs(list), second.ID, first.ID)
	}
	if !slices.IsSortedFunc(list, func(a, b harness.Video) int { return int(b.CreateTime - a.CreateTime) }) {
		t.Error("not ordered by time")
	}
}

func TestFeedTimeUnitGoesByMagnitude(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	video := p.publish(t)
	for unit, perMilli := range map[string]int64{"Milliseconds": 1, "Microseconds": 1_000, "Nanoseconds": 1_000_000} {
		at := video.CreateTime * perMilli
		if page := p.feed(t, text(at+perMilli)); len(page.VideoList) == 0 || page.VideoList[0].ID != video.ID {
			t.Errorf("%s: the newest video before %d is not %d: %v", unit, at+perMilli, video.ID, videoIDs(page.VideoList))
		}
		if page := p.feed(t, text(at)); slices.Contains(videoIDs(page.VideoList), video.ID) {
			t.Errorf("%s: a video of %d is in the page before it", unit, at)
		}
	}
	seconds := video.CreateTime / 1000
	for _, older := range p.feed(t, text(seconds)).VideoList {
		if older.CreateTime >= seconds*1000 {
			t.Errorf("Seconds: a video of %d is in the page before %d", older.CreateTime, seconds*1000)
		}
	}
	upTo := p.feedUntil(t, (seconds+1)*1000, video.CreateTime-1)
	inSeconds := p.feed(t, text(seconds+1)).VideoList
	if len(inSeconds) == 0 || len(upTo) == 0 || inSeconds[len(inSeconds)-1].CreateTime > upTo[0].CreateTime {
		t.Errorf("Seconds: %v, want the page of the same time in milliseconds %v", videoIDs(inSeconds), videoIDs(upTo))
	}
}

func TestFeedTimeTakesFloatNotation(t *testing.T) {
	t.Parallel()
	for _, latest := range []string{"1e9", "1.0e12", "1000000000.0"} { // 2001
		if page := anonymous().feed(t, latest); len(page.VideoList) != 0 {
			t.Errorf("%s is taken for another time: %v", latest, videoIDs(page.VideoList))
		}
	}
}

func TestFeedWithoutAUsableTimeStartsNow(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	video := p.publish(t)
	future := time.Now().Add(time.Hour)
	for _, latest := range []string{
		"", "0", "-1", "-1700000000000", "garbage", "1.5.2", "NaN", "99999999999999999999999999", "null", "undefined",
		strconv.FormatInt(future.Unix(), 10), strconv.FormatInt(future.UnixMilli(), 10), strconv.FormatInt(future.UnixNano(), 10),
	} {
		page := p.feed(t, latest)
		if len(page.VideoList) == 0 || page.VideoList[0].CreateTime < video.CreateTime {
			t.Errorf("latest_time=%s does not start now: %v", latest, videoIDs(page.VideoList))
		}
	}
	if page := p.feed(t, ""); page.VideoList[0].CreateTime < video.CreateTime {
		t.Error("without latest_time it does not start now")
	}
}

func TestNextTimeOfAnEmptyPageIsNow(t *testing.T) {
	t.Parallel()
	page := anonymous().feed(t, "1000000000")
	if now := time.Now().UnixMilli(); len(page.VideoList) != 0 || page.NextTime < now-60_000 || page.NextTime > now+60_000 {
		t.Errorf("next_time is %d with %d videos, want about %d", page.NextTime, len(page.VideoList), now)
	}
}

// Many publish at once, so that times lie as close as they can, and others
// publish meanwhile.
func TestFeedPagingLosesAndRepeatsNothing(t *testing.T) {
	t.Parallel()
	const authors, each = 4, 9
	var group sync.WaitGroup
	published := make([][]harness.Video, authors)
	for i, author := range people(t, authors) {
		group.Go(func() {
			for range each {
				accepted(t, author.upload(t, drawn(t), harness.Name("title")))
			}
			published[i] = author.published(t)
		})
	}
	group.Wait()
	want := slices.Concat(published...)
	if len(want) != authors*each {
		t.Fatalf("%d videos are published, want %d", len(want), authors*each)
	}
	oldest, newest := want[0].CreateTime, want[0].CreateTime
	for _, video := range want {
		oldest, newest = min(oldest, video.CreateTime), max(newest, video.CreateTime)
	}
	seen := map[int64]int{}
	for _, video := range anonymous().feedUntil(t, newest+1, oldest-1) {
		seen[video.ID]++
	}
	for _, video := range want {
		if seen[video.ID] == 0 {
			t.Errorf("video %d of %d is skipped", video.ID, video.CreateTime)
		}
	}
	for id, times := range seen {
		if times > 1 {
			t.Errorf("video %d is answered %d times", id, times)
		}
	}
}

func TestFollowingFeedHasTheFollowedOnly(t *testing.T) {
	t.Parallel()
	all := people(t, 3)
	reader, followed, stranger := all[0], all[1], all[2]
	before := followed.publish(t)
	reader.follow(t, followed.id, "1")
	stranger.publish(t)
	after := followed.publish(t)
	following := func(want ...int64) {
		t.Helper()
		harness.Eventually(t, harness.CatchUp, func() error {
			got := videoIDs(videos(t, reader.mustGet(t, "/douyin/feed/following/")))
			if !slices.Equal(got, want) {
				return fmt.Errorf("got %v, want %v", got, want)
			}
			return nil
		})
	}
	following(after.ID, before.ID)
	followed.mustPost(t, "/douyin/publish/delete/", "video_id", text(after.ID))
	following(before.ID)
	reader.follow(t, followed.id, "2")
	following()
}
