package pg_test

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"douyin.dev/services/platform/pg"
	"douyin.dev/services/platform/pg/pgtest"
)

const memberTableSQL = `CREATE TABLE pair (owner bigint, member bigint, PRIMARY KEY (owner, member))`

const memberRowsSQL = `INSERT INTO pair SELECT o, m FROM unnest($1::bigint[], $2::bigint[]) AS p (o, m) ON CONFLICT DO NOTHING`

// Owners with nothing, with some and with far more than is asked for, and
// questions about ids that lie close together, far apart, twice, and nowhere.
func TestMembersAreExactlyThoseInTheTable(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, nil)
	if _, err := db.RW().Exec(t.Context(), memberTableSQL); err != nil {
		t.Fatal(err)
	}
	has := map[[2]int64]bool{}
	var owners, ids []int64
	random := rand.New(rand.NewPCG(3, 4))
	for owner, n := range map[int64]int{1: 0, 2: 30, 3: 3000, 4: 900} {
		for range n {
			id := random.Int64N(4000)
			owners, ids, has[[2]int64{owner, id}] = append(owners, owner), append(ids, id), true
		}
	}
	if _, err := db.RW().Exec(t.Context(), memberRowsSQL, owners, ids); err != nil {
		t.Fatal(err)
	}
	members := pg.NewMembers(db, "pair", "owner", "member")
	var asking sync.WaitGroup
	for worker := range uint64(16) {
		asking.Go(func() {
			random := rand.New(rand.NewPCG(5, worker))
			for range 25 {
				owner, from, width := 1+random.Int64N(5), random.Int64N(4000), 1+random.Int64N(4000)
				asked := make([]int64, random.IntN(60))
				for i := range asked {
					asked[i] = from + random.Int64N(width)
				}
				before := slices.Clone(asked)
				got, err := members.Among(t.Context(), owner, asked)
				if err != nil {
					t.Error(err)
				}
				if !slices.Equal(asked, before) {
					t.Error("the question was changed")
				}
				slices.Sort(asked)
				want := slices.DeleteFunc(slices.Compact(asked), func(id int64) bool { return !has[[2]int64{owner, id}] })
				if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("owner %d: %s", owner, diff)
				}
			}
		})
	}
	asking.Wait()
}

func BenchmarkMembersOfAPage(b *testing.B) {
	db := pgtest.New(b, nil)
	if _, err := db.RW().Exec(b.Context(), memberTableSQL); err != nil {
		b.Fatal(err)
	}
	const rowsSQL = `INSERT INTO pair SELECT o, m FROM generate_series(1, 200) AS o, generate_series(1, 100, 2) AS m`
	if _, err := db.RW().Exec(b.Context(), rowsSQL); err != nil {
		b.Fatal(err)
	}
	members := pg.NewMembers(db, "pair", "owner", "member")
	page := make([]int64, 30)
	for i := range page {
		page[i] = int64(60 + i)
	}
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(p *testing.PB) {
		for owner := int64(0); p.Next(); owner++ {
			if _, err := members.Among(b.Context(), 1+owner%200, page); err != nil {
				b.Error(err)
			}
		}
	})
}
