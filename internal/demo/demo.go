package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/waybill-dev/waybill/analytics/simulate"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/fabric"
	"github.com/waybill-dev/waybill/gateway/profile"
	"github.com/waybill-dev/waybill/internal/stack"
	"github.com/waybill-dev/waybill/network"
)

const (
	// watcher is the organisation whose server the dashboard watches: the one that takes the goods in.
	watcher = simulate.Retailer
	// auditor is the organisation whose peer is asked for the verdicts.
	auditor = simulate.Producer
	// DefaultShipments is a day that shows every fault once among clean shipments.
	DefaultShipments = 24
	// MaxShipments is the longest day that can be played.
	MaxShipments = simulate.MaxShipments
	// judgePatience is how long the next verdict is waited for: as long as some come, all are.
	judgePatience = 45 * time.Second
)

// Servers are the servers that the demo runs: one an organisation with peers, each a scorer.
func Servers() []stack.Server {
	// Who watches a demo waits for the roots: let them come sooner than a server's own 5 seconds.
	flags := []string{"--anchor-every", "1s"}
	roles := []string{"api", "readmodel", "scorer"}
	var all []stack.Server
	for _, org := range organisations() {
		all = append(all, stack.Server{Organisation: org, Roles: roles, Flags: flags})
	}
	return all
}

func organisations() []string {
	return []string{simulate.Producer, simulate.Carrier, simulate.Retailer}
}

// Config says what to play.
type Config struct {
	// Seed of the simulated day; the zero value is a seed like any other.
	Seed uint64
	// Shipments of the day; 0: DefaultShipments.
	Shipments int
	// Now is the end of the day.
	Now time.Time
	// Folder takes the picture of a bad shipment, the recall's proof, a forgery of it, and the root
	// certificates. It has no default.
	Folder string
	// Progress shows how far it is. It may be nil.
	Progress Progress
}

// Progress shows how far the demo is.
type Progress interface {
	// Say tells of a step.
	Say(line string)
	// Track shows counters until the returned function is called. now must be safe for concurrent use.
	Track(now func() []Counter) (done func())
}

// Counter is one figure of progress.
type Counter struct {
	Name        string
	Done, Total int64
}

type silent struct{}

func (silent) Say(string)                    {}
func (silent) Track(func() []Counter) func() { return func() {} }

// Play sends a simulated day through the API of a running stack, waits for the verdicts of its four scorers, one of whom
// lies, and holds them against what was planted, against the engine and against the ledger.
func Play(ctx context.Context, s *stack.Stack, four *Panel, cfg Config) (*Report, error) {
	begun := time.Now()
	if cfg.Progress == nil {
		cfg.Progress = silent{}
	}
	if cfg.Shipments == 0 {
		cfg.Shipments = DefaultShipments
	}
	day, err := simulate.New(simulate.Config{Seed: cfg.Seed, Now: cfg.Now, Shipments: cfg.Shipments})
	if err != nil {
		return nil, err
	}
	story, err := simulate.NewRecall(simulate.Config{Seed: cfg.Seed, Now: cfg.Now})
	if err != nil {
		return nil, err
	}
	if cfg.Folder == "" {
		return nil, fmt.Errorf("%w: no folder for the proof", ErrInput)
	}
	if err = os.MkdirAll(cfg.Folder, 0o750); err != nil {
		return nil, err
	}
	cfg.Progress.Say(fmt.Sprintf("a simulated day of %d shipments (seed %d): companies, gateways and a dashboard connect", cfg.Shipments, cfg.Seed))
	p, err := newPlayer(s, organisations())
	if err != nil {
		return nil, err
	}
	shipments := make([]string, len(day.Truth))
	for i, t := range day.Truth {
		shipments[i] = t.Shipment
	}
	report := &Report{Seed: cfg.Seed}
	planned := lies(day.Truth)
	four.liar.Tell(planned...)
	verdicts, err := playAndWatch(ctx, s, four, p, day, story, shipments, cfg.Progress)
	if err != nil {
		return nil, err
	}
	report.Shipments, report.Sent = Judge(day.Truth, verdicts), p.sent.sent()
	if err = report.picture(ctx, s, cfg.Folder, verdicts); err != nil {
		return nil, err
	}
	cfg.Progress.Say("a lot of " + story.Name + " turns out bad: asking for its recall, and for the proof of the answer")
	if err = report.recall(ctx, s, p, cfg.Folder, story); err != nil {
		return nil, err
	}
	cfg.Progress.Say("asking the ledger for every verdict, on the peer of " + auditor)
	if report.OnChain, err = onChain(ctx, s, verdicts, cfg.Progress); err != nil {
		return nil, err
	}
	cfg.Progress.Say("what became of the lies of " + Assessor)
	if err = report.scoring(ctx, s, four, len(planned), shipments, verdicts, cfg.Progress); err != nil {
		return nil, err
	}
	cfg.Progress.Say("comparing the peers' world states")
	report.States = compareStates(ctx, s.NetworkDir())
	report.Seconds = time.Since(begun).Seconds()
	report.settle()
	return report, nil
}

// recall asks for the recall of the story's lot, for the findings that were planted beside it, and for
// the proof of the recall's evidence.
func (r *Report) recall(ctx context.Context, s *stack.Stack, p *player, folder string, story *simulate.Recall) error {
	answer, graph, err := p.recall(ctx, s, story)
	if err != nil {
		return err
	}
	r.Recall = *answer
	if r.Findings, err = findings(ctx, s, story); err != nil {
		return err
	}
	if r.Recall.Proof, err = prove(ctx, s, folder, story, graph); err != nil {
		return err
	}
	r.Recall.OK = len(r.Recall.Differences) == 0 && r.Recall.Proof.OK
	return nil
}

// playAndWatch sends the day while a dashboard watches, until each shipment has its final verdict,
// and gives all verdicts on the shipments.
func playAndWatch(ctx context.Context, s *stack.Stack, four *Panel, p *player, day *simulate.Day, story *simulate.Recall, shipments []string, progress Progress) (map[string][]*waybillv1.Verdict, error) {
	conn, err := s.Dial(watcher, profile.IdentityDashboard)
	if err != nil {
		return nil, err
	}
	api := waybillv1.NewVerdictServiceClient(conn)
	board := newDashboard(api)
	watchCtx, stop := context.WithCancel(ctx)
	defer stop()
	var watching errgroup.Group
	watching.Go(func() error { return board.run(watchCtx, nil, nil) })
	defer func() { _ = watching.Wait() }() // its error was read below, or the demo has failed anyway
	defer stop()

	var events, segments int64
	for _, a := range slices.Concat(day.Actions, story.Actions) {
		switch a.Kind {
		case simulate.KindEvent:
			events++
		case simulate.KindSegment:
			segments++
		default:
		}
	}
	done := progress.Track(func() []Counter {
		final, verdicts := board.judged(shipments)
		return []Counter{
			{"events", p.sent.events.Load(), events},
			{"segments of readings", p.sent.segments.Load(), segments},
			{"shipments judged", int64(final), int64(len(shipments))},
			{"verdicts", int64(verdicts), 0},
		}
	})
	defer sync.OnceFunc(done)()
	if err := p.play(ctx, day, story); err != nil {
		return nil, err
	}
	if !board.settled(ctx, shipments, judgePatience) && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	// A shipment that is still without its end is told as such by the table.
	return four.verdicts(ctx, judgePatience, api, shipments)
}

// onChain asks another organisation's peer for every verdict, by evaluating the contract, and compares.
func onChain(ctx context.Context, s *stack.Stack, verdicts map[string][]*waybillv1.Verdict, progress Progress) (OnChain, error) {
	out := OnChain{Organisation: auditor}
	p, err := s.Profile(auditor)
	if err != nil {
		return out, err
	}
	client, err := fabric.Dial(p, profile.IdentityDashboard, fabric.Options{OwnPeersOnly: true})
	if err != nil {
		return out, err
	}
	defer client.Close() //nolint:errcheck // nothing is under way any more
	var compared atomic.Int64
	var total int64
	for _, list := range verdicts {
		total += int64(len(list))
	}
	defer progress.Track(func() []Counter { return []Counter{{"verdicts on the ledger", compared.Load(), total}} })()
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for shipment, list := range verdicts {
		for _, v := range list {
			out.Verdicts++
			group.Go(func() error {
				defer compared.Add(1)
				raw, err := client.Evaluate(ctx, wire.FnGetVerdict, []byte(v.GetShipment()), []byte(strconv.FormatUint(uint64(v.GetWindow()), 10)), []byte(v.GetModel()))
				if err == nil && same(raw, v) {
					return nil
				}
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				if errors.Is(err, fabric.ErrUnavailable) {
					return err
				}
				mu.Lock()
				defer mu.Unlock()
				if out.Missing++; out.FirstMissing == "" {
					out.FirstMissing = fmt.Sprintf("%s, window %d", shipment, v.GetWindow())
					if err != nil {
						out.FirstMissing += ": " + err.Error()
					}
				}
				return nil
			})
		}
	}
	return out, group.Wait()
}

// same says that the ledger's verdict is the one that the API told of.
func same(raw []byte, told *waybillv1.Verdict) bool {
	v, err := wire.Decode[ledger.Verdict](raw, wire.MaxStoredBytes)
	return err == nil && v.Shipment == told.GetShipment() && v.Window == told.GetWindow() && v.Model == told.GetModel() && v.Final == told.GetFinal() &&
		v.Level == level(told.GetLevel()) && v.Score == told.GetScoreMillionths() && v.TxID == told.GetTransactionId() &&
		v.Trace.String() == told.GetTraceDigest() && v.Inputs.String() == told.GetInputsDigest()
}

func compareStates(ctx context.Context, dir string) States {
	states, err := network.CompareStates(ctx, dir)
	if err != nil {
		return States{Why: err.Error()}
	}
	out := States{Height: states.Height, Equal: states.Equal}
	for _, p := range states.Peers {
		out.Peers = append(out.Peers, p.Peer)
	}
	if out.Equal {
		out.Digest = states.Peers[0].Digest
	} else {
		raw, _ := json.Marshal(states.Peers)
		out.Why = string(raw)
	}
	return out
}

// lines is progress as lines of text, now and then.
type lines struct {
	out   io.Writer
	start time.Time
	every time.Duration
	mu    sync.Mutex
}

// Lines shows progress as lines, counters every so often.
func Lines(out io.Writer, start time.Time, every time.Duration) Progress {
	return &lines{out: out, start: start, every: every}
}

func (l *lines) Say(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.out, "%6.1f s  %s\n", time.Since(l.start).Seconds(), line)
}

func (l *lines) Track(now func() []Counter) func() {
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(l.every)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				l.Say(sentence(now()))
				return
			case <-tick.C:
				l.Say(sentence(now()))
			}
		}
	}()
	return func() { close(stop); <-ended }
}

func sentence(counters []Counter) string {
	parts := make([]string, len(counters))
	for i, c := range counters {
		parts[i] = fmt.Sprintf("%d %s", c.Done, c.Name)
		if c.Total > 0 {
			parts[i] = fmt.Sprintf("%d of %d %s", c.Done, c.Total, c.Name)
		}
	}
	return strings.Join(parts, ", ")
}
