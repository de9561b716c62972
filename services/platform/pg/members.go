package pg

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"douyin.dev/services/platform/coalesce"
)

// membersAtOnce is how many questions share a statement at most. A page has up
// to 50 entries.
const membersAtOnce = 64

// Members tells which of some ids an owner has, in a table whose primary key is
// (owner, member): who likes which videos, who follows whom. Those who ask at
// the same time share a statement. It reads the primary: who has written sees
// it. It is safe for concurrent use.
type Members struct {
	db        *DB
	withinSQL string
	amongSQL  string
	asks      *coalesce.Batch[memberAsk, []int64]
}

// memberAsk asks which of some ids, sorted and each once, an owner has.
type memberAsk struct {
	owner int64
	ids   []int64
}

// NewMembers returns the Members of a table. The names are SQL.
func NewMembers(db *DB, table, owner, member string) *Members {
	m := &Members{db: db}
	// Steps into the primary key once for each question. The inner SELECT hides how
	// many there are: otherwise few look so cheap that they are planned each time,
	// which costs more than they do.
	m.withinSQL = fmt.Sprintf(`SELECT ARRAY(
	SELECT %[3]s FROM %[1]s WHERE %[2]s = asked.owner AND %[3]s BETWEEN asked.low AND asked.high
	ORDER BY %[3]s LIMIT asked.most
) FROM unnest((SELECT @owners::bigint[]), @lows::bigint[], @highs::bigint[], @mosts::bigint[])
	WITH ORDINALITY AS asked (owner, low, high, most, place) ORDER BY place`, table, owner, member)
	// Steps into the primary key once for each id.
	m.amongSQL = fmt.Sprintf(`SELECT asked.place, t.%[3]s
FROM unnest(@places::bigint[], @owners::bigint[], @ids::bigint[]) AS asked (place, owner, id)
JOIN %[1]s t ON t.%[2]s = asked.owner AND t.%[3]s = asked.id
ORDER BY asked.place, t.%[3]s`, table, owner, member)
	m.asks = NewBatch(membersAtOnce, nil, m.read)
	return m
}

// Among returns those of ids that owner has, sorted, each once.
func (m *Members) Among(ctx context.Context, owner int64, ids []int64) ([]int64, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return m.asks.Do(ctx, memberAsk{owner, slices.Compact(ids)})
}

// read answers several questions. A page's ids lie close together, or an owner
// has few, so nearly always what the owner has from the first id to the last is
// about what was asked for, and one step into the index finds all of it. Where
// it is more, only as much of it is read, and the other ids are looked for one
// by one.
func (m *Members) read(ctx context.Context, asks []memberAsk) ([][]int64, error) {
	n := len(asks)
	owners, lows, highs, mosts := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	for i, a := range asks {
		owners[i], lows[i], highs[i], mosts[i] = a.owner, a.ids[0], a.ids[len(a.ids)-1], a.most()
	}
	rows, err := m.db.RW().Query(ctx, m.withinSQL, pgx.NamedArgs{"owners": owners, "lows": lows, "highs": highs, "mosts": mosts})
	if err != nil {
		return nil, err
	}
	found, rest := make([][]int64, 0, n), make([]memberAsk, 0)
	var places, within []int64
	_, err = pgx.ForEachRow(rows, []any{&within}, func() error {
		a := asks[len(found)]
		if int64(len(within)) == a.most() {
			last, _ := slices.BinarySearch(a.ids, within[len(within)-1]+1)
			if last < len(a.ids) {
				rest, places = append(rest, memberAsk{a.owner, a.ids[last:]}), append(places, int64(len(found)))
			}
		}
		found = append(found, common(within, a.ids))
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(found) != n {
		return nil, fmt.Errorf("%d answers to %d questions", len(found), n)
	}
	return found, m.readRest(ctx, places, rest, found)
}

// most is how many members are read in one go: so many cost about as much as
// looking for each id.
func (a memberAsk) most() int64 { return int64(2*len(a.ids) + 4) }

// readRest appends what is found of the rest to the answers at its places.
func (m *Members) readRest(ctx context.Context, places []int64, rest []memberAsk, found [][]int64) error {
	if len(rest) == 0 {
		return nil
	}
	var at, owners, ids []int64
	for i, a := range rest {
		for _, id := range a.ids {
			at, owners, ids = append(at, places[i]), append(owners, a.owner), append(ids, id)
		}
	}
	rows, err := m.db.RW().Query(ctx, m.amongSQL, pgx.NamedArgs{"places": at, "owners": owners, "ids": ids})
	if err != nil {
		return err
	}
	var place, id int64
	_, err = pgx.ForEachRow(rows, []any{&place, &id}, func() error {
		found[place] = append(found[place], id)
		return nil
	})
	return err
}

// common returns what is in both of two sorted lists. It uses the first one's memory.
func common(a, b []int64) []int64 {
	both := a[:0]
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			a = a[1:]
		case a[0] > b[0]:
			b = b[1:]
		default:
			both, a, b = append(both, a[0]), a[1:], b[1:]
		}
	}
	return both
}
