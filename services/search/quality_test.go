package search

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	searchv1 "douyin.dev/gen/douyin/search/v1"
)

// Titles are made of these words, so that a test knows which of them a query means.
var (
	chineseWords = strings.Fields("北极光 山脊 城市 夜景 猫咪 小狗 厨房 面条 火锅 旅行 海边 日落 音乐 吉他 舞蹈 街头 足球 篮球 游泳 登山 摄影 绘画 书法 手工 花园 雨天 雪山 森林 河流 星空 早餐 咖啡 甜点 蛋糕 学习 编程 机器人 火车 飞机 自行车")
	englishWords = strings.Fields("aurora ridge city night kitten puppy kitchen noodle hotpot travel beach sunset music guitar dance street football basketball swimming climbing photo painting writing craft garden rain snow forest river stars breakfast coffee dessert cake study coding robot train plane bicycle")
)

// titlesOf makes titles of three words of a language each.
func titlesOf(r *rand.Rand, n int) []string {
	titles := make([]string, n)
	for i := range titles {
		words, between := chineseWords, ""
		if i%2 == 1 {
			words, between = englishWords, " "
		}
		picked := make([]string, 3)
		for j := range picked {
			picked[j] = words[r.IntN(len(words))]
		}
		titles[i] = strings.Join(picked, between) + between + strconv.Itoa(i)
	}
	return titles
}

// quality is how good answers were on average.
type quality struct{ recall, precision, queries float64 }

// add judges the first ten of an answer. Of more than ten right ones, ten can be among them.
func (q *quality) add(got []int64, right func(id int64) bool, all int) {
	if all == 0 || len(got) == 0 {
		q.queries++
		return
	}
	good := 0
	for _, id := range got {
		if right(id) {
			good++
		}
	}
	q.recall += float64(good) / float64(min(all, 10))
	q.precision += float64(good) / float64(len(got))
	q.queries++
}

func (q quality) String() string {
	return fmt.Sprintf("%.0f queries, recall@10 %.3f, precision@10 %.3f", q.queries, q.recall/q.queries, q.precision/q.queries)
}

// Two thousand queries with known answers: exact words of both languages, and parts of
// two characters from anywhere in a Chinese title.
func TestLabelledQueriesFindWhatTheyMean(t *testing.T) {
	b := setup(t)
	const videos, queries = 2000, 2000
	r := rand.New(rand.NewPCG(1, 2))
	titles := titlesOf(r, videos)
	b.publish(t, titles...)
	var words, infixes quality
	for i := range queries {
		title := titles[r.IntN(videos)]
		text, judged := "", &words
		if title[0] > 'z' && i%2 == 0 {
			characters := []rune(title)
			at := r.IntN(len(characters) - 5) // before the number
			text, judged = string(characters[at:at+2]), &infixes
		} else if title[0] > 'z' {
			text = chineseWords[r.IntN(len(chineseWords))]
		} else {
			text = englishWords[r.IntN(len(englishWords))]
		}
		contains := func(id int64) bool {
			if title := titles[id-1]; title[0] <= 'z' {
				return slices.Contains(strings.Fields(title), text)
			}
			return strings.Contains(titles[id-1], text)
		}
		all := 0
		for id := range titles {
			if contains(int64(id + 1)) {
				all++
			}
		}
		res, err := b.SearchVideos(t.Context(), &searchv1.SearchVideosRequest{Text: text, PageSize: 10})
		if err != nil {
			t.Fatal(err)
		}
		judged.add(res.GetVideoIds(), contains, all)
	}
	t.Logf("exact words: %s", words)
	t.Logf("infixes of two characters: %s", infixes)
	if words.recall < 0.95*words.queries || words.precision < 0.8*words.queries {
		t.Errorf("exact words: %s", words)
	}
	if infixes.recall < 0.9*infixes.queries || infixes.precision < 0.8*infixes.queries {
		t.Errorf("infixes: %s", infixes)
	}
}
