package video

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/video/ladder"
)

const (
	// What is in the folder of a rendition, beside its segments.
	initSegment, mediaPlaylist = "init.mp4", "media.m3u8"
	// puts are how many objects of a rendition are stored at the same time.
	puts = 4
)

// mediaTypes are those of the objects of a transcode, by their extension.
var mediaTypes = map[string]string{
	".m3u8": "application/vnd.apple.mpegurl", ".m4s": "video/iso.segment", ".mp4": "video/mp4",
}

// transcode is one attempt at a job.
type transcode struct {
	*Worker
	job      job
	path     string // of the original
	source   ladder.Source
	progress *progress
	dir      string
	// ready are the renditions that are recorded, by name.
	ready map[string]rendition
	// done and all are the work, in pixels of a frame.
	done, all float64
}

// transcode makes the renditions that are not there yet and records each as soon
// as it is stored: the lowest first, so that the video plays everywhere soon, then
// the one of the progressive file and that file, then the others.
func (w *Worker) transcode(ctx context.Context, j job, p *progress) (err error) {
	dir, remove, err := w.scratch.make()
	if err != nil {
		return err
	}
	defer func() {
		if left := remove(); left != nil {
			w.log.WarnContext(ctx, "a scratch folder is left", "error", left)
		}
	}()
	file := filepath.Join(dir, "original.mp4")
	if err := w.fetch(ctx, j.mediaKey, file); err != nil {
		return fmt.Errorf("fetch original: %w", err)
	}
	source, err := w.encoder.Inspect(ctx, file)
	if err != nil {
		return err
	}
	recorded, err := renditions(ctx, w.jobs.db.RW(), j.videoID)
	if err != nil {
		return err
	}
	t := &transcode{Worker: w, job: j, path: file, source: source, progress: p, dir: dir, ready: map[string]rendition{}}
	for _, r := range recorded[j.videoID] {
		t.ready[r.Name] = r
	}
	return t.run(ctx)
}

func (t *transcode) run(ctx context.Context) error {
	rungs := ladder.Plan(t.source)
	for _, r := range rungs {
		t.all += cost(r)
	}
	played := ladder.ProgressiveRung(rungs)
	order := []ladder.Rung{rungs[0]}
	for _, r := range append([]ladder.Rung{played}, rungs...) {
		if !slices.Contains(order, r) {
			order = append(order, r)
		}
	}
	for _, r := range order {
		if err := t.rung(ctx, r); err != nil {
			return fmt.Errorf("%s: %w", r.Name(), err)
		}
		if r != played {
			continue
		}
		if err := t.file(ctx, r); err != nil {
			return fmt.Errorf("%s: %w", progressive, err)
		}
	}
	return nil
}

func cost(r ladder.Rung) float64 { return float64(r.Width) * float64(r.Height) }

// folder is where the files of a rung lie while the job lasts.
func (t *transcode) folder(r ladder.Rung) string { return filepath.Join(t.dir, r.Name()) }

// rung makes, stores and records an HLS rendition, unless an earlier worker did.
func (t *transcode) rung(ctx context.Context, r ladder.Rung) error {
	if _, made := t.ready[r.Name()]; !made {
		if err := t.encode(ctx, r); err != nil {
			return err
		}
	}
	t.done += cost(r)
	t.progress.set(videov1.TranscodeStage_TRANSCODE_STAGE_ENCODE, t.done/t.all)
	return nil
}

func (t *transcode) encode(ctx context.Context, r ladder.Rung) error {
	if err := os.Mkdir(t.folder(r), 0o700); err != nil {
		return err
	}
	encoded, err := t.encoder.HLS(ctx, t.path, t.source, r, t.folder(r), func(done time.Duration) {
		share := min(float64(done)/float64(t.source.Duration), 1)
		t.progress.set(videov1.TranscodeStage_TRANSCODE_STAGE_ENCODE, (t.done+share*cost(r))/t.all)
	})
	if err != nil {
		return err
	}
	t.progress.set(videov1.TranscodeStage_TRANSCODE_STAGE_STORE, (t.done+cost(r))/t.all)
	made := rendition{
		Name: r.Name(), ObjectKey: t.job.prefix() + r.Name() + "/" + mediaPlaylist, Width: int32(r.Width), Height: int32(r.Height),
		Bandwidth: encoded.Bandwidth, AverageBandwidth: encoded.AverageBandwidth, FrameRate: r.FrameRate, Codecs: encoded.Codecs,
	}
	if err := t.putFolder(ctx, t.folder(r), path.Dir(made.ObjectKey)); err != nil {
		return err
	}
	all := maps.Clone(t.ready)
	all[made.Name] = made
	master, err := t.putMaster(ctx, all)
	if err != nil {
		return err
	}
	if err := t.jobs.record(ctx, t.job, made, master, "", t.progress.now().percent); err != nil {
		return err
	}
	t.ready = all
	return nil
}

// file makes, stores and records the progressive file out of an HLS rendition,
// unless an earlier worker did.
func (t *transcode) file(ctx context.Context, of ladder.Rung) error {
	if _, made := t.ready[progressive]; made {
		return nil
	}
	made := t.ready[of.Name()]
	files, err := t.filesOf(ctx, of)
	if err != nil {
		return err
	}
	folder := filepath.Join(t.dir, progressive) // of this file alone
	if err := os.Mkdir(folder, 0o700); err != nil {
		return err
	}
	local := filepath.Join(folder, progressive+".mp4")
	size, err := t.encoder.Progressive(ctx, ladder.Rendition{Rung: of, Files: files}, t.folder(of), local)
	if err != nil {
		return err
	}
	made.Name, made.ObjectKey = progressive, t.job.prefix()+progressive+".mp4"
	made.AverageBandwidth = int64(float64(size*8) / t.source.Duration.Seconds())
	if err := t.putFile(ctx, local, made.ObjectKey); err != nil {
		return err
	}
	if err := t.jobs.record(ctx, t.job, made, "", made.ObjectKey, t.progress.now().percent); err != nil {
		return err
	}
	t.ready[progressive] = made
	return nil
}

// putMaster stores the master playlist of renditions under a key of its own, and
// returns that.
func (t *transcode) putMaster(ctx context.Context, all map[string]rendition) (string, error) {
	var hls []rendition
	for _, r := range all {
		if r.Name != progressive {
			hls = append(hls, r)
		}
	}
	slices.SortFunc(hls, func(a, b rendition) int { return cmp.Compare(a.Bandwidth, b.Bandwidth) })
	list := make([]ladder.Rendition, len(hls))
	for i, r := range hls {
		list[i] = ladder.Rendition{
			Rung:   ladder.Rung{Width: int(r.Width), Height: int(r.Height), FrameRate: r.FrameRate},
			Codecs: r.Codecs, Bandwidth: r.Bandwidth, AverageBandwidth: r.AverageBandwidth,
		}
	}
	body := ladder.Master(list, func(r ladder.Rendition) string {
		return "../" + strings.TrimPrefix(all[r.Name()].ObjectKey, prefix(t.job.videoID))
	})
	key := fmt.Sprintf("%s%s%d.m3u8", t.job.prefix(), masterName, len(hls))
	return key, t.objects.Put(ctx, key, bytes.NewReader(body), int64(len(body)), mediaTypes[".m3u8"])
}

// masterName begins the names of master playlists; the number of renditions follows.
const masterName = "master-"

func isMaster(key string) bool { return strings.HasPrefix(path.Base(key), masterName) }

// putFolder stores the files of a folder below a prefix. When one fails no other
// begins, and those under way end before it returns: an upload that is cut off may
// still arrive, after what the job left behind was removed.
func (t *transcode) putFolder(ctx context.Context, dir, under string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	group, failed := errgroup.WithContext(ctx)
	group.SetLimit(puts)
	for _, f := range files {
		group.Go(func() error {
			if failed.Err() != nil {
				return failed.Err()
			}
			return t.putFile(ctx, filepath.Join(dir, f.Name()), under+"/"+f.Name())
		})
	}
	return group.Wait()
}

func (t *transcode) putFile(ctx context.Context, file, key string) error {
	kind, ok := mediaTypes[path.Ext(key)]
	if !ok {
		return fmt.Errorf("no media type is known for %s", key)
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return t.objects.Put(ctx, key, f, info.Size(), kind)
}

// filesOf returns the files of a rung's folder, the playlist last. One that an
// earlier worker made is fetched.
func (t *transcode) filesOf(ctx context.Context, r ladder.Rung) ([]string, error) {
	dir := t.folder(r)
	if err := os.Mkdir(dir, 0o700); err == nil {
		if err := t.fetchFolder(ctx, path.Dir(t.ready[r.Name()].ObjectKey), dir); err != nil {
			return nil, err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := []string{initSegment}
	for _, f := range files {
		if f.Name() != initSegment && f.Name() != mediaPlaylist {
			names = append(names, f.Name())
		}
	}
	return append(names, mediaPlaylist), nil
}

func (t *transcode) fetchFolder(ctx context.Context, under, dir string) error {
	for item, err := range t.objects.List(ctx, under+"/") {
		if err != nil {
			return err
		}
		if err := t.fetch(ctx, item.Key, filepath.Join(dir, path.Base(item.Key))); err != nil {
			return err
		}
	}
	return nil
}
