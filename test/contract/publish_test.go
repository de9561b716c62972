package contract_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // covers
	_ "image/png"  // covers
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"douyin.dev/test/harness"
	"douyin.dev/test/media"
)

// loads checks that a video's file and cover can be fetched.
func loads(t *testing.T, video harness.Video) {
	t.Helper()
	play := fetch(t, get, video.PlayURL, nil)
	if play.HTTP != http.StatusOK || !strings.HasPrefix(play.Header.Get("Content-Type"), "video/") || len(play.Body) < 8 || string(play.Body[4:8]) != "ftyp" {
		t.Errorf("play_url %s: HTTP %d %s, %d bytes", video.PlayURL, play.HTTP, play.Header.Get("Content-Type"), len(play.Body))
	}
	cover := fetch(t, get, video.CoverURL, nil)
	kind := cover.Header.Get("Content-Type")
	if cover.HTTP != http.StatusOK || !strings.HasPrefix(kind, "image/") || len(cover.Body) == 0 {
		t.Errorf("cover_url %s: HTTP %d %s, %d bytes", video.CoverURL, cover.HTTP, kind, len(cover.Body))
	}
	if kind == "image/jpeg" || kind == "image/png" {
		if _, _, err := image.Decode(bytes.NewReader(cover.Body)); err != nil {
			t.Errorf("cover_url %s: %v", video.CoverURL, err)
		}
	}
}

func TestPublishedVideoIsInTheListAtOnceAndLoads(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	video := p.publish(t)
	if video.Author.ID != p.id || video.FavoriteCount != 0 || video.CommentCount != 0 || video.IsFavorite {
		t.Errorf("got %+v", video)
	}
	loads(t, video)
	if page := p.feed(t, text(video.CreateTime+1)); page.VideoList[0].ID != video.ID {
		t.Errorf("the feed begins with %d, want %d", page.VideoList[0].ID, video.ID)
	}
}

func TestPhoneVideoWithSoundIsAccepted(t *testing.T) {
	t.Parallel()
	if !media.HasEncoder() {
		t.Skip("needs ffmpeg")
	}
	file, err := media.Encode(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p := newPerson(t)
	accepted(t, p.upload(t, file, "phone"))
	loads(t, p.published(t)[0])
}

func TestPublishListIsNewestFirstAndComplete(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	first, second, third := p.publish(t), p.publish(t), p.publish(t)
	want := []int64{third.ID, second.ID, first.ID}
	if got := videoIDs(p.published(t)); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	other := videos(t, anonymous().mustGet(t, "/douyin/publish/list/", "user_id", text(p.id)))
	if got := videoIDs(other); !slices.Equal(got, want) {
		t.Errorf("others see %v, want %v", got, want)
	}
	harness.Eventually(t, harness.CatchUp, func() error {
		if got := p.user(t, p.id).WorkCount; got != 3 {
			return fmt.Errorf("work_count is %d, want 3", got)
		}
		return nil
	})
}

func TestURLsFollowTheHostOfTheRequest(t *testing.T) {
	t.Parallel()
	if os.Getenv("DOUYIN_PUBLIC_URL") != "" {
		t.Skip("a public base URL is configured")
	}
	const host, path = "videos.example:8080", "/douyin/publish/list/"
	s := theStage(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, platform.URL()+path+"?user_id="+text(s.author.id), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := harness.ReadAnswer(path, res)
	if err != nil {
		t.Fatal(err)
	}
	video := videos(t, answer)[0]
	for _, address := range []string{video.PlayURL, video.CoverURL, video.Author.Avatar, video.Author.BackgroundImage} {
		if parsed, err := url.Parse(address); err != nil || parsed.Host != host {
			t.Errorf("%s is not on %s", address, host)
		}
	}
}

func TestPlaybackSupportsRanges(t *testing.T) {
	t.Parallel()
	address := theStage(t).video.PlayURL
	whole := fetch(t, get, address, nil).Body
	size := len(whole)
	for asked, want := range map[string][2]int{
		"bytes=0-99":    {0, 100},
		"bytes=100-199": {100, 200},
		"bytes=1000-":   {1000, size},
		"bytes=-50":     {size - 50, size},
		fmt.Sprintf("bytes=%d-%d", size-10, size+1000): {size - 10, size},
	} {
		answer := fetch(t, get, address, http.Header{"Range": {asked}})
		if answer.HTTP != http.StatusPartialContent {
			t.Errorf("%s: HTTP %d, want 206", asked, answer.HTTP)
			continue
		}
		if got, wanted := answer.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-%d/%d", want[0], want[1]-1, size); got != wanted {
			t.Errorf("%s: Content-Range is %q, want %q", asked, got, wanted)
		}
		if !bytes.Equal(answer.Body, whole[want[0]:want[1]]) {
			t.Errorf("%s: other bytes", asked)
		}
	}
	if answer := fetch(t, get, address, http.Header{"Range": {fmt.Sprintf("bytes=%d-", size+1)}}); answer.HTTP != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("beyond the end: HTTP %d, want 416", answer.HTTP)
	}
	head := fetch(t, http.MethodHead, address, nil)
	if head.HTTP != http.StatusOK || head.Header.Get("Content-Length") != strconv.Itoa(size) || head.Header.Get("Accept-Ranges") != "bytes" {
		t.Errorf("HEAD: HTTP %d %v", head.HTTP, head.Header)
	}
}

func TestMediaIsNeverCompressed(t *testing.T) {
	t.Parallel()
	video := theStage(t).video
	for _, address := range []string{video.PlayURL, video.CoverURL} {
		answer := fetch(t, get, address, http.Header{"Accept-Encoding": {"gzip, deflate, br"}})
		if got := answer.Header.Get("Content-Encoding"); got != "" && got != "identity" {
			t.Errorf("%s: Content-Encoding is %q", address, got)
		}
	}
}

func TestUnknownMediaIsNotFound(t *testing.T) {
	t.Parallel()
	address := theStage(t).video.PlayURL
	directory := address[:strings.LastIndex(address, "/")+1]
	for _, name := range []string{"nothing.mp4", "..%2f..%2f..%2fetc%2fpasswd", ""} {
		if answer := fetch(t, get, directory+name, nil); answer.HTTP < 400 || answer.HTTP >= 500 || bytes.Contains(answer.Body, []byte("root:")) {
			t.Errorf("%s: HTTP %d", directory+name, answer.HTTP)
		}
	}
}

// Apps put the token where they like; a file's name and type say nothing.
func TestUploadTakesPartsInAnyOrderAndTrustsNoLabel(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	field := func(name, value string) harness.Part { return harness.Part{Name: name, Content: []byte(value)} }
	token := field("token", p.token)
	file := func(name, kind string) harness.Part {
		return harness.Part{Name: "data", FileName: name, ContentType: kind, Content: drawn(t)}
	}
	for name, parts := range map[string][]harness.Part{
		"TokenLast":        {file("a.mp4", "video/mp4"), field("title", "TokenLast"), token},
		"TokenFirst":       {token, field("title", "TokenFirst"), file("a.mp4", "video/mp4")},
		"TitleLast":        {token, file("a.mp4", "video/mp4"), field("title", "TitleLast")},
		"WrongContentType": {file("a.mp4", "text/plain"), field("title", "WrongContentType"), token},
		"WrongName":        {file("a.txt", "video/mp4"), field("title", "WrongName"), token},
		"NameIsAPath":      {file("../../../etc/a.mp4", "video/mp4"), field("title", "NameIsAPath"), token},
		"NameIsChinese":    {file("视频 \"1\".mp4", "image/png"), field("title", "NameIsChinese"), token},
		"UnknownParts":     {field("x", "1"), file("a.mp4", ""), field("title", "UnknownParts"), field("y", "2"), token},
	} {
		accepted(t, anonymous().do(t, harness.Call{Path: "/douyin/publish/action/", Parts: parts}))
		list := p.published(t)
		if list[0].Title != name {
			t.Errorf("%s: the newest video is %q", name, list[0].Title)
		}
		loads(t, list[0])
	}
}

func TestUploadTakesTitleAndTokenFromTheQuery(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	accepted(t, p.do(t, harness.Call{
		Path: "/douyin/publish/action/", Query: harness.Values("title", "in the query"),
		Parts: []harness.Part{{Name: "title", Content: []byte("in the body")}, {Name: "data", FileName: "a", Content: drawn(t)}},
	}))
	if got := p.published(t)[0].Title; got != "in the query" {
		t.Errorf("title is %q", got)
	}
}

func TestTitleHasUpTo100Characters(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	for n, ok := range map[int]bool{99: true, 100: true, 101: false} {
		title := strings.Repeat("题", n)
		answer := p.upload(t, drawn(t), title)
		if !ok {
			refused(t, answer, 40002)
			if !strings.Contains(answer.Message(), "title") {
				t.Errorf("the message does not name title: %s", answer)
			}
			continue
		}
		accepted(t, answer)
		if got := p.published(t)[0].Title; got != title {
			t.Errorf("title of %d characters became %q", n, got)
		}
	}
}

func TestRefusedUploadLeavesNothing(t *testing.T) {
	t.Parallel()
	fakes, err := media.Fakes(drawn(t))
	if err != nil {
		t.Fatal(err)
	}
	if media.HasEncoder() {
		whole, err := media.Encode(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		fakes = append(fakes, media.Fake{Name: "IndexCutOff", Bytes: whole[:len(whole)/2]})
	}
	p := newPerson(t)
	for _, fake := range fakes {
		answer := p.upload(t, fake.Bytes, fake.Name)
		if answer.Code() != 10015 && !(len(fake.Bytes) == 0 && answer.Code() == 40002) {
			t.Errorf("%s: want 10015: %s", fake.Name, answer)
		}
	}
	noFile := p.do(t, harness.Call{Path: "/douyin/publish/action/", Parts: []harness.Part{{Name: "title", Content: []byte("no file")}}})
	refused(t, noFile, 40002)
	refused(t, p.post(t, "/douyin/publish/action/", "title", "no multipart"), 40002)
	refused(t, p.upload(t, drawn(t), strings.Repeat("x", 101)), 40002)
	if got := p.published(t); len(got) != 0 {
		t.Errorf("refused uploads are listed: %+v", got)
	}
	accepted(t, p.upload(t, drawn(t), "good"))
	harness.Eventually(t, harness.CatchUp, func() error {
		if got := p.user(t, p.id).WorkCount; got != 1 {
			return fmt.Errorf("work_count is %d, want 1", got)
		}
		return nil
	})
}

func TestUploadCutOffMidwayLeavesNothing(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	whole := drawn(t)
	reader, writer := io.Pipe()
	form := multipart.NewWriter(writer)
	go func() { // ends with the pipe
		part, err := form.CreateFormFile("data", "a.mp4")
		if err == nil {
			_, err = part.Write(whole[:len(whole)/2])
		}
		writer.CloseWithError(cmp.Or(err, io.ErrUnexpectedEOF))
	}()
	req, err := http.NewRequestWithContext(t.Context(), post, platform.URL()+"/douyin/publish/action/?title=cut&token="+p.token, reader)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	res, err := http.DefaultClient.Do(req)
	if err == nil {
		res.Body.Close()
	}
	if got := p.published(t); len(got) != 0 {
		t.Errorf("half an upload is listed: %+v", got)
	}
}

// One byte less than the limit, the limit, and one more.
func TestUploadsUpToTheLimitAreTaken(t *testing.T) {
	t.Parallel()
	if platform.External() && os.Getenv("DOUYIN_UPLOAD_LIMIT") == "" {
		t.Skip("DOUYIN_UPLOAD_LIMIT does not say the limit of the platform at DOUYIN_URL")
	}
	p := newPerson(t)
	limit, err := uploadLimit()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		size int
		want int64
	}{{limit - 1, 0}, {limit, 0}, {limit + 1, 10014}} {
		before := len(p.published(t))
		answer := p.uploadPadded(t, c.size)
		if answer.Code() != c.want {
			t.Errorf("%d bytes: want %d: %s", c.size, c.want, answer)
		}
		list := p.published(t)
		if grown := len(list) - before; (c.want == 0) != (grown == 1) {
			t.Errorf("%d bytes: the list grew by %d", c.size, grown)
			continue
		}
		if c.want == 0 {
			head := fetch(t, http.MethodHead, list[0].PlayURL, nil)
			if got := head.Header.Get("Content-Length"); got != strconv.Itoa(c.size) {
				t.Errorf("%d bytes: %s are played", c.size, got)
			}
		}
	}
}

// uploadPadded streams a playable video of a size. A server that refuses early
// may hang up before everything is sent; then the answer can be lost on the
// way, so it is asked again.
func (p *person) uploadPadded(t *testing.T, size int) *harness.Answer {
	t.Helper()
	video := drawn(t)
	padding := media.Padded(video, len(video)+8)[len(video):]
	padding[0], padding[1] = byte((size-len(video))>>24), byte((size-len(video))>>16)
	padding[2], padding[3] = byte((size-len(video))>>8), byte(size-len(video))
	var lost error
	for range 3 {
		var head bytes.Buffer
		form := multipart.NewWriter(&head)
		if _, err := form.CreateFormFile("data", "large.mp4"); err != nil {
			t.Fatal(err)
		}
		tail := "\r\n--" + form.Boundary() + "--\r\n"
		zeros := int64(size - len(video) - len(padding))
		length := int64(head.Len()+len(tail)) + int64(size)
		body := io.MultiReader(&head, bytes.NewReader(video), bytes.NewReader(padding), io.LimitReader(zeroReader{}, zeros), strings.NewReader(tail))
		req, err := http.NewRequestWithContext(t.Context(), post, platform.URL()+"/douyin/publish/action/?title=large&token="+p.token, body)
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = length
		req.Header.Set("Content-Type", form.FormDataContentType())
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			lost = errors.Join(lost, err)
			continue
		}
		answer, err := harness.ReadAnswer("/douyin/publish/action/", res)
		if err == nil {
			return answer
		}
		lost = errors.Join(lost, err)
	}
	t.Fatalf("no answer: %v", lost)
	panic("unreachable")
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestOnlyTheAuthorDeletesAVideo(t *testing.T) {
	t.Parallel()
	all := people(t, 2)
	author, other := all[0], all[1]
	video := author.publish(t)
	other.like(t, video.ID, "1")
	other.comment(t, video.ID, "nice")

	refused(t, other.post(t, "/douyin/publish/delete/", "video_id", text(video.ID)), 10005)
	refused(t, author.post(t, "/douyin/publish/delete/", "video_id", "987654321"), 10016)
	author.mustPost(t, "/douyin/publish/delete/", "video_id", text(video.ID))
	if got := author.published(t); len(got) != 0 {
		t.Errorf("still published: %v", videoIDs(got))
	}
	if page := author.feed(t, text(video.CreateTime+1)); slices.Contains(videoIDs(page.VideoList), video.ID) {
		t.Error("still in the feed")
	}
	harness.Eventually(t, harness.CatchUp, func() error {
		for _, action := range []string{"/douyin/favorite/action/", "/douyin/comment/action/"} {
			answer := other.post(t, action, "video_id", text(video.ID), "action_type", "1", "comment_text", "late")
			if answer.Code() != 10016 {
				return fmt.Errorf("want 10016: %s", answer)
			}
		}
		if got := other.liked(t); len(got) != 0 {
			return fmt.Errorf("still liked: %v", videoIDs(got))
		}
		if got := author.user(t, author.id).WorkCount; got != 0 {
			return fmt.Errorf("work_count is %d, want 0", got)
		}
		return nil
	})
}
