package counter

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// filled returns a row whose fields are first, first+1 and so on: the id, the
// counts, the versions.
func filled[R any](first int64) R {
	var row R
	fields := reflect.ValueOf(&row).Elem()
	for i := range fields.NumField() {
		fields.Field(i).SetInt(first + int64(i))
	}
	return row
}

// A field that sums leave out would be neither added nor repaired, and one that the
// message leaves out would be read by nobody.
func TestEveryCountIsASumAndReachesItsMessage(t *testing.T) {
	t.Parallel()
	checkRow(t, videoColumns, 2, func(c videoCount) proto.Message { return c.proto() })
	checkRow(t, userColumns, 1, func(c userCount) proto.Message { return c.proto() })
}

// checkRow checks a row whose last columns are versions, which the message sums up.
func checkRow[R count[R]](t *testing.T, columns string, versions int, message func(R) proto.Message) {
	t.Helper()
	const first = 100
	row := filled[R](first)
	names := strings.Split(columns, ", ")
	var want []sum
	for i, name := range names[1 : len(names)-versions] {
		want = append(want, sum{name, first + 1 + int64(i)})
	}
	if diff := cmp.Diff(want, row.sums(), cmp.AllowUnexported(sum{})); diff != "" {
		t.Errorf("%T: the columns between the id and the versions (-) and sums (+) differ:\n%s", row, diff)
	}
	if n := reflect.TypeFor[R]().NumField(); n != len(names) {
		t.Errorf("%T has %d fields, and %d columns", row, n, len(names))
	}
	var shown []int64
	message(row).ProtoReflect().Range(func(_ protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		shown = append(shown, v.Int())
		return true
	})
	slices.Sort(shown)
	var version int64
	for i, name := range names {
		value := first + int64(i)
		if i >= len(names)-versions {
			version += value
		} else if !slices.Contains(shown, value) {
			t.Errorf("%T: %s is not in the message, which has %v", row, name, shown)
		}
	}
	if !slices.Contains(shown, version) {
		t.Errorf("%T: the versions, together %d, are not in the message, which has %v", row, version, shown)
	}
}

func TestEveryCountIsWrittenAndRepaired(t *testing.T) {
	b := setup(t)
	video, user := filled[videoCount](1), filled[userCount](1)
	changes := &deltas{videos: map[int64]*videoCount{1: &video}, users: map[int64]*userCount{1: &user}}
	var now written
	for range 2 {
		err := b.db.InTx(t.Context(), func(tx pgx.Tx) (err error) {
			now, err = changes.apply(t.Context(), tx)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	wantVideo, wantUser := twice(video), twice(user)
	wantVideo.VideoID, wantUser.UserID, wantUser.Version = 1, 1, 2
	if diff := cmp.Diff([]videoCount{wantVideo}, now.videos); diff != "" {
		t.Errorf("added twice, video (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]userCount{wantUser}, now.users); diff != "" {
		t.Errorf("added twice, user (-want +got):\n%s", diff)
	}

	st := store{b.db}
	wantVideo, wantUser = wantVideo.recounted(filled[videoCount](50)), wantUser.recounted(filled[userCount](50))
	if ok, err := set(t.Context(), st, setVideoCountSQL, wantVideo); err != nil || !ok {
		t.Fatalf("the video was not repaired: %t, %v", ok, err)
	}
	if ok, err := set(t.Context(), st, setUserCountSQL, wantUser); err != nil || !ok {
		t.Fatalf("the user was not repaired: %t, %v", ok, err)
	}
	wantVideo.Version++
	wantUser.Version++
	videos, users := b.rows(t)
	if diff := cmp.Diff(map[int64]videoCount{1: wantVideo}, videos); diff != "" {
		t.Errorf("repaired, video (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[int64]userCount{1: wantUser}, users); diff != "" {
		t.Errorf("repaired, user (-want +got):\n%s", diff)
	}
}

// twice returns a row with every field doubled.
func twice[R any](c R) R {
	fields := reflect.ValueOf(&c).Elem()
	for i := range fields.NumField() {
		fields.Field(i).SetInt(2 * fields.Field(i).Int())
	}
	return c
}
