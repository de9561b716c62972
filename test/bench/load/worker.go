package load

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"
)

// worker is one connection and what it saw.
type worker struct {
	run    *run
	conn   *conn
	client Client

	sent      int
	histogram *Histogram
	requests  int64 // right and measured
	answered  int64 // right
	errors    int64
	wrong     int64
	samples   []sample
	examples  []string
}

// sample is an answer kept for later.
type sample struct {
	answer Answer
	judge  func(Answer) error
}

func (w *worker) work(ctx context.Context) {
	defer w.conn.close()
	for ctx.Err() == nil {
		intended, ok := w.next(ctx)
		if !ok {
			return
		}
		if err := w.once(ctx, intended); errors.Is(err, errClosed) {
			return
		}
	}
}

// next returns when the next request is due, and whether there is one. In a
// closed loop that is now; in an open loop the connection that is free takes
// the next time that no other has taken, and waits for it if it is to come.
func (w *worker) next(ctx context.Context) (time.Time, bool) {
	r := w.run
	if r.o.Rate <= 0 {
		now := time.Now()
		return now, now.Before(r.end)
	}
	n := r.due.Add(1) - 1
	intended := r.start.Add(time.Duration(float64(n) / r.o.Rate * float64(time.Second)))
	if !intended.Before(r.end) {
		return intended, false
	}
	return intended, pause(ctx, time.Until(intended))
}

func (w *worker) once(ctx context.Context, intended time.Time) error {
	w.sent++
	keep := w.run.o.Sample > 0 && w.sent%w.run.o.Sample == 1%w.run.o.Sample
	answer, err := w.conn.do(ctx, w.client.Next(), keep)
	if err == nil {
		err = w.client.Quick(answer)
	}
	w.client.Done(err)
	now := time.Now()
	if err != nil {
		w.failed(err)
		pause(ctx, errorPause)
		return err
	}
	if keep {
		w.samples = append(w.samples, sample{
			answer: Answer{Status: answer.Status, ContentType: answer.ContentType, Body: bytes.Clone(answer.Body)},
			judge:  w.client.Judge(),
		})
	}
	w.answered++
	if w.measured(intended, now) {
		w.requests++
		w.histogram.Record(now.Sub(intended))
	}
	return nil
}

// measured reports whether a request counts: in a closed loop the ones answered
// within the measured time, in an open loop the ones due in it, however late.
func (w *worker) measured(intended, answered time.Time) bool {
	r := w.run
	if r.o.Rate > 0 {
		return !intended.Before(r.begin)
	}
	return !answered.Before(r.begin) && answered.Before(r.end)
}

func (w *worker) failed(err error) {
	w.errors++
	w.example(err.Error())
}

func (w *worker) example(text string) {
	if len(w.examples) < maxExamples && !slices.Contains(w.examples, text) {
		w.examples = append(w.examples, text)
	}
}

// judge checks the kept answers whole.
func (w *worker) judge() {
	for _, s := range w.samples {
		if err := s.judge(s.answer); err != nil {
			w.wrong++
			w.example("wrong answer: " + err.Error())
		}
	}
}
