package mp4

import (
	"errors"
	"io"

	"github.com/Eyevinn/mp4ff/mp4"
)

// locateTable walks the sample tables of moov: sizes (stsz), chunks (stsc,
// stco or co64) and durations (stts). A fragmented file has them empty.
func (t *track) locateTable(l layout, moov tree) error {
	stsz, err := leaf[*mp4.StszBox](moov, t.stbl, "stsz")
	if err != nil {
		return err
	}
	count := int(stsz.SampleNumber)
	if count == 0 {
		return nil
	}
	if count > maxSamples {
		return errors.New("too many samples")
	}
	if err := t.addDurations(moov, count); err != nil {
		return err
	}
	sizes := make([]int64, count)
	for i := range sizes {
		if sizes[i] = int64(stsz.SampleUniformSize); sizes[i] == 0 {
			sizes[i] = int64(stsz.SampleSize[i])
		}
	}
	return t.addChunks(l, moov, sizes)
}

// addChunks places the samples in their chunks.
func (t *track) addChunks(l layout, moov tree, sizes []int64) error {
	stsc, err := leaf[*mp4.StscBox](moov, t.stbl, "stsc")
	if err != nil {
		return err
	}
	offsets, err := t.chunkOffsets(moov)
	if err != nil {
		return err
	}
	entry, perChunk := 0, 0
	for i, at := range offsets {
		if len(sizes) == 0 {
			return nil
		}
		for entry < len(stsc.Entries) && int64(stsc.Entries[entry].FirstChunk) <= int64(i)+1 {
			perChunk = int(stsc.Entries[entry].SamplesPerChunk)
			entry++
		}
		n := min(perChunk, len(sizes))
		if n == 0 {
			continue
		}
		if err := t.add(l, at, sizes[:n]); err != nil {
			return err
		}
		sizes = sizes[n:]
	}
	if len(sizes) > 0 {
		return errors.New("samples without a chunk")
	}
	return nil
}

func (t *track) chunkOffsets(moov tree) ([]int64, error) {
	if b, err := t.stbl.first("co64"); err == nil {
		co64, err := decode[*mp4.Co64Box](moov, b)
		if err != nil {
			return nil, err
		}
		return widen(co64.ChunkOffset), nil
	}
	stco, err := leaf[*mp4.StcoBox](moov, t.stbl, "stco")
	if err != nil {
		return nil, err
	}
	return widen(stco.ChunkOffset), nil
}

// widen turns offsets into int64. One over 2^63 becomes negative, which lies in no file.
func widen[N uint32 | uint64](in []N) []int64 {
	out := make([]int64, len(in))
	for i, n := range in {
		out[i] = int64(n)
	}
	return out
}

func (t *track) addDurations(moov tree, count int) error {
	stts, err := leaf[*mp4.SttsBox](moov, t.stbl, "stts")
	if err != nil {
		return err
	}
	left := int64(count)
	for i, n := range stts.SampleCount {
		n := min(int64(n), left)
		t.ticks += n * int64(stts.SampleTimeDelta[i])
		left -= n
	}
	if left > 0 {
		return errors.New("samples without a duration")
	}
	return nil
}

// locateFragments walks the fragments (moof) of a file that was written while
// it was recorded. Each is read once, for all tracks.
func (ts tracks) locateFragments(r io.ReaderAt, l layout, moov tree) error {
	byID := fragmented{}
	for _, t := range ts {
		if t.failed == nil && byID[t.id] == nil {
			byID[t.id] = t
		}
	}
	var buffer []byte
	for _, b := range l.moofs {
		if len(byID) == 0 {
			return nil
		}
		moof, err := moov.budget.load(r, b, maxMoof, buffer)
		if err != nil {
			return err
		}
		buffer = moof.bytes
		if err := byID.add(l, moof, b.start); err != nil {
			return err
		}
	}
	return nil
}

// readDefaults reads what fragments of each track do not say themselves (trex).
func readDefaults(moov tree, root boxes) (map[uint32]*mp4.TrexBox, error) {
	defaults := map[uint32]*mp4.TrexBox{}
	if _, err := root.first("mvex"); err != nil {
		return defaults, nil //nolint:nilerr // no fragments, no defaults
	}
	level, err := moov.descend(root, "mvex")
	if err != nil {
		return nil, err
	}
	for _, b := range level {
		if b.kind != "trex" {
			continue
		}
		if trex, err := decode[*mp4.TrexBox](moov, b); err == nil {
			defaults[trex.TrackID] = trex
		}
	}
	return defaults, nil
}

// fragmented are the tracks whose fragments are read, by id.
type fragmented map[uint32]*track

// add adds the runs of one fragment to its tracks. A track whose run is wrong is
// not looked at any further.
func (f fragmented) add(l layout, moof tree, start int64) error {
	root, err := moof.root()
	if err != nil {
		return err
	}
	for _, b := range root {
		if b.kind != "traf" {
			continue
		}
		level, err := moof.children(b.body, b.end)
		if err != nil {
			return err
		}
		tfhd, err := leaf[*mp4.TfhdBox](moof, level, "tfhd")
		if err != nil {
			return err
		}
		t := f[tfhd.TrackID]
		if t == nil {
			continue
		}
		if t.failed = t.addRuns(l, moof, level, start, tfhd); t.failed != nil {
			delete(f, t.id)
		}
	}
	return nil
}

// addRuns adds the runs of a fragment of this track.
func (t *track) addRuns(l layout, moof tree, traf boxes, start int64, tfhd *mp4.TfhdBox) error {
	if t.trex == nil {
		return errors.New("no trex")
	}
	base := start
	if tfhd.HasBaseDataOffset() {
		base = int64(tfhd.BaseDataOffset)
	}
	at := base
	for _, b := range traf {
		if b.kind != "trun" {
			continue
		}
		run, err := decode[*mp4.TrunBox](moof, b)
		if err != nil {
			return err
		}
		if run.HasDataOffset() {
			at = base + int64(run.DataOffset)
		}
		t.ticks += int64(run.AddSampleDefaultValues(tfhd, t.trex))
		sizes := make([]int64, len(run.Samples))
		for i, s := range run.Samples {
			sizes[i] = int64(s.Size)
		}
		if err := t.add(l, at, sizes); err != nil {
			return err
		}
		for _, s := range sizes {
			at += s
		}
	}
	return nil
}
