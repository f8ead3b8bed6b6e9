package submit_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/fabric"
	"github.com/waybill-dev/waybill/gateway/fabric/fabrictest"
	"github.com/waybill-dev/waybill/gateway/submit"
)

// toy is an event of the chaincode below: an id and the items it touches.
type toy struct {
	ID    string   `json:"id"`
	Items []string `json:"items"`
	Bad   string   `json:"bad,omitempty"` // refused by itself
	Sink  string   `json:"sink,omitempty"`
	After string   `json:"after,omitempty"` // an event that must be there
}

func event(id string, items ...string) submit.Event { return toEvent(toy{ID: id, Items: items}) }

func toEvent(v toy) submit.Event {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	keys := []string{"hash " + v.ID}
	for _, i := range v.Items {
		keys = append(keys, "item "+i)
	}
	return submit.Event{EventEntry: wire.EventEntry{Body: body}, Keys: keys}
}

// record is a chaincode with the contract's manners: it answers each input, overlays its own writes,
// and reads and writes a key for each item.
func record(limit int) fabrictest.Chaincode {
	return func(_ string, arguments [][]byte, v *fabrictest.View) ([]byte, error) {
		entries, err := wire.DecodeEventBatch(arguments[0])
		if err != nil {
			return nil, err
		}
		if limit > 0 && len(entries) > limit {
			return nil, fabrictest.Refuse("WB_TOO_LARGE", "too many")
		}
		own := map[string]string{}
		get := func(key string) string {
			if s, ok := own[key]; ok {
				return s
			}
			return string(v.Get(key))
		}
		put := func(key, value string) { own[key] = value; v.Put(key, []byte(value)) }
		var out wire.Answers
		for _, e := range entries {
			var ev toy
			if err := json.Unmarshal(e.Body, &ev); err != nil {
				return nil, err
			}
			if ev.Sink != "" {
				return nil, fabrictest.Refuse(ev.Sink, "the whole transaction")
			}
			var a wire.Answer
			switch earlier := get("event/" + ev.ID); {
			case ev.After != "" && get("event/"+ev.After) == "":
				a = wire.Answer{Status: ledger.StatusRefused, Code: ledger.CodeSegmentGap}
			case ev.Bad != "":
				a = wire.Answer{Status: ledger.StatusRefused, Code: ev.Bad}
			case earlier != "":
				a = wire.Answer{Status: ledger.StatusDuplicate, RecordedIn: earlier}
			default:
				a = wire.Answer{Status: ledger.StatusRecorded}
				put("event/"+ev.ID, v.TxID())
				for _, i := range ev.Items {
					put("item/"+i, get("item/"+i)+ev.ID+" ")
				}
			}
			out.Answers = append(out.Answers, a)
		}
		return wire.Encode(out)
	}
}

// running runs a submitter for the length of f.
func running(t *testing.T, l submit.Ledger, cfg submit.Config, f func(s *submit.Submitter)) {
	t.Helper()
	s := submit.New(l, cfg)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(t.Context()) }()
	f(s)
	s.Close()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestConcurrentWritesShareTransactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := fabrictest.New(record(0))
		running(t, l, submit.Config{}, func(s *submit.Submitter) {
			var wg sync.WaitGroup
			for i := range 2000 {
				wg.Go(func() {
					out, err := s.Events(t.Context(), []submit.Event{event(fmt.Sprint("e", i), fmt.Sprint("i", i))})
					if err != nil || out[0].Status != ledger.StatusRecorded || out[0].TxID == "" || out[0].Block == 0 {
						t.Errorf("event %d: %+v, %v", i, out, err)
					}
				})
			}
			wg.Wait()
		})
		if ordered, _ := l.Ordered(); ordered > 20 {
			t.Errorf("2000 concurrent events took %d transactions", ordered)
		}
	})
}

func TestALoneWriteIsNotKeptWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := fabrictest.New(record(0))
		running(t, l, submit.Config{}, func(s *submit.Submitter) {
			began := time.Now()
			if _, err := s.Events(t.Context(), []submit.Event{event("e")}); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took > l.BlockEvery+10*time.Millisecond {
				t.Errorf("took %v with blocks every %v", took, l.BlockEvery)
			}
		})
	})
}

func TestEventsOfOneItemKeepTheirOrderAcrossTransactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := fabrictest.New(record(0))
		running(t, l, submit.Config{MaxBatch: 7}, func(s *submit.Submitter) {
			var all []submit.Event
			want := ""
			for i := range 50 {
				all = append(all, event(fmt.Sprint("e", i), "hot", fmt.Sprint("own", i)), event(fmt.Sprint("f", i), fmt.Sprint("other", i)))
				want += fmt.Sprint("e", i, " ")
			}
			if _, err := s.Events(t.Context(), all); err != nil {
				t.Fatal(err)
			}
			if got := string(l.Value("item/hot")); got != want {
				t.Errorf("recorded in the order %s", got)
			}
		})
	})
}

func TestItemsUnderWayNeverConflictWithThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := fabrictest.New(record(0))
		conflicts := 0
		var mu sync.Mutex
		cfg := submit.Config{MaxBatch: 5, Hooks: submit.Hooks{Transaction: func(r submit.Transaction) {
			mu.Lock()
			defer mu.Unlock()
			if errors.Is(r.Err, fabric.ErrConflict) {
				conflicts++
			}
		}}}
		running(t, l, cfg, func(s *submit.Submitter) {
			var wg sync.WaitGroup
			for i := range 300 {
				wg.Go(func() {
					e := event(fmt.Sprint("e", i), fmt.Sprint("a", i%3), fmt.Sprint("b", i%7))
					if _, err := s.Events(t.Context(), []submit.Event{e}); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		})
		if conflicts > 0 {
			t.Errorf("%d transactions were invalidated by our own", conflicts)
		}
	})
}

func TestARefusedInputDoesNotSinkItsNeighbours(t *testing.T) {
	for name, c := range map[string]struct {
		bad   toy
		limit int
		code  string
	}{
		"refused by itself":                     {bad: toy{ID: "x", Bad: "WB_SCHEMA"}, code: "WB_SCHEMA"},
		"sinks its whole transaction":           {bad: toy{ID: "x", Sink: "WB_MALFORMED"}, code: "WB_MALFORMED"},
		"too large for a transaction":           {bad: toy{ID: "x", Sink: "WB_TOO_LARGE"}, code: "WB_TOO_LARGE"},
		"too many for a transaction":            {bad: toy{ID: "x", Bad: "WB_SCHEMA"}, limit: 3, code: "WB_SCHEMA"},
		"larger than any transaction may be":    {bad: toy{ID: strings.Repeat("x", ledger.MaxEventBytes+1)}, code: "WB_TOO_LARGE"},
		"refused for what may not be there yet": {bad: toy{ID: "x", Bad: "WB_SEGMENT_GAP"}, code: "WB_SEGMENT_GAP"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := fabrictest.New(record(c.limit))
				running(t, l, submit.Config{}, func(s *submit.Submitter) {
					var all []submit.Event
					for i := range 20 {
						all = append(all, event(fmt.Sprint("e", i)))
					}
					all = slices.Insert(all, 7, toEvent(c.bad))
					out, err := s.Events(t.Context(), all)
					if err != nil {
						t.Fatal(err)
					}
					for i, o := range out {
						if i == 7 {
							if o.Status != ledger.StatusRefused || o.Code != c.code {
								t.Errorf("the bad input: %+v", o)
							}
						} else if o.Status != ledger.StatusRecorded {
							t.Errorf("input %d: %+v", i, o)
						}
					}
				})
			})
		})
	}
}

func TestAWrongRoleRefusesAllWithoutSearchingForTheCulprit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := fabrictest.New(record(0))
		tries := 0
		l.Fault = func(s fabrictest.Step, _ string) fabrictest.Fault {
			if s == fabrictest.Endorse {
				tries++
			}
			return fabrictest.Fault{}
		}
		running(t, l, submit.Config{}, func(s *submit.Submitter) {
			all := []submit.Event{event("a"), toEvent(toy{ID: "b", Sink: "WB_UNAUTHORISED"}), event("c")}
			out, err := s.Events(t.Context(), all)
			if err != nil || out[0].Code != "WB_UNAUTHORISED" || out[2].Status != ledger.StatusRefused || tries != 1 {
				t.Errorf("%+v, %v after %d tries", out, err, tries)
			}
		})
	})
}

func TestDuplicatesAreAnsweredWithoutATransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := fabrictest.New(record(0))
		running(t, l, submit.Config{}, func(s *submit.Submitter) {
			first, err := s.Events(t.Context(), []submit.Event{event("a"), event("b")})
			if err != nil {
				t.Fatal(err)
			}
			before, _ := l.Ordered()
			again, err := s.Events(t.Context(), []submit.Event{event("b"), event("a")})
			if err != nil {
				t.Fatal(err)
			}
			if after, _ := l.Ordered(); after != before {
				t.Errorf("%d transactions for nothing but duplicates", after-before)
			}
			if again[1].Status != ledger.StatusDuplicate || again[1].TxID != first[0].TxID {
				t.Errorf("the duplicate names %+v, it was recorded by %+v", again[1], first[0])
			}
		})
	})
}

func TestARefusalByAPeerThatLagsBehindDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := fabrictest.New(record(0))
		running(t, l, submit.Config{}, func(s *submit.Submitter) {
			if _, err := s.Events(t.Context(), []submit.Event{event("first")}); err != nil {
				t.Fatal(err)
			}
			stale := 0
			l.Fault = func(s fabrictest.Step, _ string) fabrictest.Fault {
				if s == fabrictest.Endorse {
					stale++
				}
				return fabrictest.Fault{Stale: stale == 1}
			}
			out, err := s.Events(t.Context(), []submit.Event{toEvent(toy{ID: "second", After: "first"})})
			if err != nil || out[0].Status != ledger.StatusRecorded {
				t.Errorf("%+v, %v", out, err)
			}
			out, err = s.Events(t.Context(), []submit.Event{toEvent(toy{ID: "third", After: "none"})})
			if err != nil || out[0].Code != ledger.CodeSegmentGap || out[0].TxID == "" {
				t.Errorf("what is truly missing: %+v, %v", out, err)
			}
		})
	})
}

func TestAnUnknownOutcomeIsResolvedBeforeAnythingIsSentAgain(t *testing.T) {
	for name, fault := range map[string]fabrictest.Fault{
		"the answer was lost":      {Err: fabric.ErrUnknownOutcome, Happens: true},
		"the transaction was lost": {Err: fabric.ErrUnknownOutcome},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := fabrictest.New(record(0))
				endorsed, submitted := 0, 0
				l.Fault = func(s fabrictest.Step, _ string) fabrictest.Fault {
					if s == fabrictest.Endorse {
						endorsed++
					}
					if s == fabrictest.Submit {
						if submitted++; submitted == 1 {
							return fault
						}
					}
					return fabrictest.Fault{}
				}
				running(t, l, submit.Config{}, func(s *submit.Submitter) {
					out, err := s.Events(t.Context(), []submit.Event{event("a", "i")})
					if err != nil || out[0].Status != ledger.StatusRecorded {
						t.Errorf("%+v, %v", out, err)
					}
					if st, ok := l.Status(out[0].TxID); !ok || st.Block != out[0].Block {
						t.Errorf("the outcome names %s in block %d, the ledger says %+v", out[0].TxID, out[0].Block, st)
					}
				})
				if endorsed != 1 {
					t.Errorf("endorsed %d times", endorsed)
				}
			})
		})
	}
}

func TestAnOutcomeThatStaysUnknownIsReportedWithItsTransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := fabrictest.New(record(0))
		l.Fault = func(s fabrictest.Step, _ string) fabrictest.Fault {
			if s == fabrictest.Endorse {
				return fabrictest.Fault{}
			}
			return fabrictest.Fault{Err: fabric.ErrUnknownOutcome}
		}
		running(t, l, submit.Config{}, func(s *submit.Submitter) {
			out, err := s.Events(t.Context(), []submit.Event{event("a")})
			if !errors.Is(err, fabric.ErrUnknownOutcome) || out[0].TxID == "" {
				t.Errorf("%+v, %v", out, err)
			}
		})
	})
}

func TestAConflictWithAnotherClientIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := fabrictest.New(record(0))
		tries := 0
		l.Fault = func(s fabrictest.Step, _ string) fabrictest.Fault {
			if s == fabrictest.Submit {
				if tries++; tries < 4 {
					l.Write("item/i", []byte(fmt.Sprint("other", tries, " ")))
				}
			}
			return fabrictest.Fault{}
		}
		running(t, l, submit.Config{}, func(s *submit.Submitter) {
			out, err := s.Events(t.Context(), []submit.Event{event("a", "i")})
			if err != nil || out[0].Status != ledger.StatusRecorded {
				t.Errorf("%+v, %v", out, err)
			}
			if got := string(l.Value("item/i")); got != "other3 a " {
				t.Errorf("the item is %q", got)
			}
		})
	})
}

func TestANetworkThatIsDownIsWaitedForAndThenReported(t *testing.T) {
	for name, c := range map[string]struct {
		down time.Duration
		err  error
	}{
		"comes back in time": {20 * time.Second, nil},
		"stays down":         {time.Hour, fabric.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := fabrictest.New(record(0))
				up := time.Now().Add(c.down)
				l.Fault = func(fabrictest.Step, string) fabrictest.Fault {
					if time.Now().Before(up) {
						return fabrictest.Fault{Err: fabric.ErrUnavailable}
					}
					return fabrictest.Fault{}
				}
				running(t, l, submit.Config{}, func(s *submit.Submitter) {
					out, err := s.Events(t.Context(), []submit.Event{event("a")})
					if !errors.Is(err, c.err) || (c.err == nil) != (out[0].Status == ledger.StatusRecorded) {
						t.Errorf("%+v, %v", out, err)
					}
				})
			})
		})
	}
}

func TestAFullQueueHoldsTheCallerBackOrSaysSo(t *testing.T) {
	big := strings.Repeat("x", 900_000)
	synctest.Test(t, func(t *testing.T) {
		l := fabrictest.New(record(0))
		l.Fault = func(fabrictest.Step, string) fabrictest.Fault { return fabrictest.Fault{Err: fabric.ErrUnavailable} }
		running(t, l, submit.Config{QueueBytes: 5 << 20, FailWhenBusy: true}, func(s *submit.Submitter) {
			var wg sync.WaitGroup
			busy := 0
			var mu sync.Mutex
			for i := range 20 {
				wg.Go(func() {
					_, err := s.Events(t.Context(), []submit.Event{event(fmt.Sprint(i, big))})
					mu.Lock()
					defer mu.Unlock()
					if errors.Is(err, submit.ErrBusy) {
						busy++
					}
				})
			}
			wg.Wait()
			if busy < 14 {
				t.Errorf("%d of 20 callers were told that the queue is full", busy)
			}
		})
	})
	synctest.Test(t, func(t *testing.T) {
		l := fabrictest.New(record(0))
		l.Fault = func(fabrictest.Step, string) fabrictest.Fault { return fabrictest.Fault{Err: fabric.ErrUnavailable} }
		running(t, l, submit.Config{QueueBytes: 5 << 20}, func(s *submit.Submitter) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			var all []submit.Event
			for i := range 20 {
				all = append(all, event(fmt.Sprint(i, big)))
			}
			out, err := s.Events(ctx, all)
			if !errors.Is(err, context.DeadlineExceeded) || len(out) != 20 || !errors.Is(out[19].Err, context.DeadlineExceeded) {
				t.Errorf("%v", err)
			}
		})
	})
}

func TestACallerWhoLeavesTakesWhatWaitsAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := fabrictest.New(record(0))
		running(t, l, submit.Config{MaxBatch: 1}, func(s *submit.Submitter) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(100*time.Millisecond, cancel)
			out, err := s.Events(ctx, []submit.Event{event("a", "i"), event("b", "i"), event("c", "i")})
			if !errors.Is(err, context.Canceled) || !errors.Is(out[0].Err, fabric.ErrUnknownOutcome) || out[0].TxID == "" || errors.Is(out[1].Err, fabric.ErrUnknownOutcome) {
				t.Errorf("%+v, %v", out, err)
			}
			later, err := s.Events(t.Context(), []submit.Event{event("d", "i")})
			if err != nil || later[0].Status != ledger.StatusRecorded {
				t.Errorf("a later event of the same item: %+v, %v", later, err)
			}
			if got := string(l.Value("item/i")); got != "a d " {
				t.Errorf("the ledger holds %q", got)
			}
		})
	})
}

func TestShuttingDownWritesWhatWasAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := fabrictest.New(record(0))
		s := submit.New(l, submit.Config{MaxBatch: 10})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				out, err := s.Events(t.Context(), []submit.Event{event(fmt.Sprint("e", i), "hot")})
				if err != nil || out[0].Status != ledger.StatusRecorded {
					t.Errorf("%+v, %v", out, err)
				}
			})
		}
		synctest.Wait()
		cancel()
		wg.Wait()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if _, err := s.Events(t.Context(), []submit.Event{event("late")}); !errors.Is(err, submit.ErrClosed) {
			t.Errorf("after the end: %v", err)
		}
	})
}

func TestDrainingEndsAtItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := fabrictest.New(record(0))
		l.Fault = func(fabrictest.Step, string) fabrictest.Fault { return fabrictest.Fault{Err: fabric.ErrUnavailable} }
		s := submit.New(l, submit.Config{MaxBatch: 2, DrainFor: time.Second})
		ended := make(chan error, 1)
		go func() { ended <- s.Run(t.Context()) }()
		answered := make(chan error, 1)
		go func() {
			_, err := s.Events(t.Context(), []submit.Event{event("a", "i"), event("b", "i"), event("c", "i"), event("d", "i")})
			answered <- err
		}()
		synctest.Wait()
		began := time.Now()
		s.Close()
		if err := <-answered; !errors.Is(err, submit.ErrClosed) {
			t.Errorf("answered %v", err)
		}
		<-ended
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("draining took %v", took)
		}
	})
}

// TestEveryInputEndsOnceWithTheTruth lets everything fail that can, at random, and compares each
// outcome with the ledger.
func TestEveryInputEndsOnceWithTheTruth(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		rate := rapid.IntRange(0, 40).Draw(rt, "faults in 100")
		callers := rapid.IntRange(1, 6).Draw(rt, "callers")
		items := rapid.IntRange(1, 12).Draw(rt, "items")
		limit := rapid.SampledFrom([]int{0, 0, 3}).Draw(rt, "contract's limit")
		cfg := submit.Config{
			MaxBatch: rapid.IntRange(1, 9).Draw(rt, "batch"), MaxInFlight: rapid.IntRange(1, 6).Draw(rt, "in flight"),
			DrainFor: time.Duration(rapid.SampledFrom([]int{1, 100, 1000, 60_000}).Draw(rt, "drain, ms")) * time.Millisecond,
		}
		closeAfter := time.Duration(rapid.IntRange(0, 60_000).Draw(rt, "close after, ms")) * time.Millisecond
		var faults []string
		synctest.Test(t, func(t *testing.T) { faults = truth(seed, rate, callers, items, limit, cfg, closeAfter) })
		if len(faults) > 0 {
			rt.Fatalf("%s", strings.Join(faults, "\n"))
		}
	})
}

func truth(seed uint64, rate, callers, items, limit int, cfg submit.Config, closeAfter time.Duration) (faults []string) {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 1))
	roll := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return random.IntN(n)
	}
	l := fabrictest.New(record(limit))
	l.Fault = func(s fabrictest.Step, _ string) fabrictest.Fault {
		f := fabrictest.Fault{Delay: time.Duration(roll(300)) * time.Millisecond, Stale: roll(200) < rate}
		if roll(100) >= rate {
			return f
		}
		switch s {
		case fabrictest.Endorse:
			f.Err = []error{fabric.ErrUnavailable, fabric.ErrTooMany, fabric.ErrDeadline, fabric.ErrMismatch}[roll(4)]
		case fabrictest.Submit:
			switch roll(4) {
			case 0:
				f.Err = fabric.ErrTooMany
			case 1:
				f.Err, f.Happens = fabric.ErrUnknownOutcome, true
			case 2:
				f.Err = fabric.ErrUnknownOutcome
			default:
				l.Write(fmt.Sprint("item/i", roll(items)), []byte("foreign "))
			}
		case fabrictest.Commit:
			f.Err = fabric.ErrUnknownOutcome
		case fabrictest.Resolve:
			f.Err = []error{fabric.ErrNotFound, fabric.ErrUnavailable}[roll(2)]
		}
		return f
	}
	s := submit.New(l, cfg)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(context.Background()) }()
	time.AfterFunc(closeAfter, s.Close)
	bad := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		faults = append(faults, fmt.Sprintf(format, args...))
	}
	var wg sync.WaitGroup
	var sent []submit.Event
	for c := range callers {
		wg.Go(func() {
			for call := range 3 {
				var all []submit.Event
				for i := range 1 + roll(15) {
					id := fmt.Sprintf("c%d-%d-%d", c, call, i)
					if roll(10) == 0 {
						id = fmt.Sprint("shared", roll(3))
					}
					all = append(all, event(id, fmt.Sprint("i", roll(items)), fmt.Sprint("i", roll(items))))
				}
				mu.Lock()
				sent = append(sent, all...)
				mu.Unlock()
				ctx, cancel := context.WithCancel(context.Background())
				if roll(4) == 0 {
					time.AfterFunc(time.Duration(roll(3000))*time.Millisecond, cancel)
				}
				out, err := s.Events(ctx, all)
				cancel()
				if len(out) != len(all) {
					bad("%d outcomes for %d inputs", len(out), len(all))
					return
				}
				failed := false
				for i, o := range out {
					failed = failed || o.Err != nil
					check(bad, l, all[i], o)
				}
				if failed != (err != nil) {
					bad("the call's error is %v", err)
				}
			}
		})
	}
	wg.Wait()
	s.Close()
	<-ended
	again(bad, l, cfg, sent)
	return faults
}

// again does what clients do after the submitter's process has died at that point: they send
// everything once more, to a new one.
func again(bad func(string, ...any), l *fabrictest.Ledger, cfg submit.Config, sent []submit.Event) {
	for i := range 12 {
		if history := outOfOrder(string(l.Value(fmt.Sprint("item/i", i)))); history != "" {
			bad("item %d: %s", i, history)
		}
	}
	l.Fault = nil
	s := submit.New(l, cfg)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(context.Background()) }()
	out, err := s.Events(context.Background(), sent)
	if err != nil {
		bad("sent again: %v", err)
	}
	s.Close()
	<-ended
	for i, o := range out {
		var ev toy
		if err := json.Unmarshal(sent[i].Body, &ev); err != nil {
			panic(err)
		}
		if w := l.Writers("event/" + ev.ID); len(w) != 1 || w[0] != o.TxID || o.Status == ledger.StatusRefused {
			bad("%s: recorded by %v, answered %+v", ev.ID, w, o)
		}
	}
}

// outOfOrder finds an event of a call recorded before an earlier one of the same call and item.
func outOfOrder(history string) string {
	last := map[string]int{}
	for id := range strings.FieldsSeq(history) {
		var c, call, i int
		if n, _ := fmt.Sscanf(id, "c%d-%d-%d", &c, &call, &i); n != 3 {
			continue
		}
		key := fmt.Sprint(c, "-", call)
		if before, ok := last[key]; ok && before > i {
			return history
		}
		last[key] = i
	}
	return ""
}

func check(bad func(string, ...any), l *fabrictest.Ledger, e submit.Event, o submit.Outcome) {
	var ev toy
	if err := json.Unmarshal(e.Body, &ev); err != nil {
		panic(err)
	}
	writers := l.Writers("event/" + ev.ID)
	shared := strings.HasPrefix(ev.ID, "shared")
	switch {
	case o.Err == nil && (o.Status == ledger.StatusRecorded || o.Status == ledger.StatusDuplicate):
		st, ok := l.Status(o.TxID)
		if !ok || st.Err() != nil || !slices.Contains(writers, o.TxID) || o.Block != 0 && o.Block != st.Block {
			bad("%s: answered %+v, the ledger says %+v, recorded by %v", ev.ID, o, st, writers)
		}
		if o.Status == ledger.StatusDuplicate && !shared {
			bad("%s: sent once, answered as a duplicate", ev.ID)
		}
	case o.Err == nil:
		bad("%s: refused: %+v", ev.ID, o)
	case !errors.Is(o.Err, fabric.ErrUnknownOutcome) && len(writers) > 0 && !shared:
		bad("%s: answered %v, recorded by %v", ev.ID, o.Err, writers)
	}
}
