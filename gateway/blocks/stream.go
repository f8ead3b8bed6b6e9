package blocks

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"

	"github.com/waybill-dev/waybill/gateway/fabric"
	"github.com/waybill-dev/waybill/gateway/profile"
	"github.com/waybill-dev/waybill/internal/idle"
)

// Source is what the stream needs of a peer; *fabric.Source is one.
type Source interface {
	Name() string
	Blocks(ctx context.Context, from uint64) iter.Seq2[*common.Block, error]
	Block(ctx context.Context, number uint64) (*common.Block, error)
	Newest(ctx context.Context) (*common.Block, error)
}

// Options tune a stream; the zero value gives the defaults.
type Options struct {
	// StaleAfter is how long a peer may deliver nothing before the others are asked whether they
	// have more, default 15 s.
	StaleAfter time.Duration
	// BackoffMin and BackoffMax bound the pause before a peer is tried again, default 100 ms and 5 s.
	BackoffMin, BackoffMax time.Duration
	// OnRetry observes each change of peer and its cause; it may be nil.
	OnRetry func(peer string, cause error)
}

// maxConfigs bounds how many configurations a channel may have had.
const maxConfigs = 10_000

// Stream is a channel's verified block stream. It may serve several consumers at once.
type Stream struct {
	trust   Trust
	sources []Source
	opts    Options
}

var (
	errStale  = errors.New("another peer has blocks that this one does not deliver")
	errBetter = errors.New("a peer of higher preference is back")
)

// Open makes the stream of the profile's channel, read through client.
func Open(p *profile.Profile, client *fabric.Client, o Options) (*Stream, error) {
	trust, err := TrustOf(p)
	if err != nil {
		return nil, err
	}
	var sources []Source
	for _, s := range client.Sources() {
		sources = append(sources, s)
	}
	return New(trust, sources, o)
}

// New makes a stream over those peers, first choice first.
func New(trust Trust, sources []Source, o Options) (*Stream, error) {
	if len(sources) == 0 {
		return nil, fmt.Errorf("%w: no peer to read from", fabric.ErrUnavailable)
	}
	if trust.Floor < 1 {
		trust.Floor = 1
	}
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&o.StaleAfter, 15*time.Second)
	def(&o.BackoffMin, 100*time.Millisecond)
	def(&o.BackoffMax, 5*time.Second)
	return &Stream{trust: trust, sources: sources, opts: o}, nil
}

// Height is the number of blocks that the first peer to answer has. It is not verified.
func (s *Stream) Height(ctx context.Context) (uint64, error) {
	var last error
	for _, src := range s.sources {
		b, err := src.Newest(ctx)
		if err == nil {
			return b.GetHeader().GetNumber() + 1, nil
		}
		last = err
		if ctx.Err() != nil {
			break
		}
	}
	return 0, last
}

// Blocks yields verified blocks in order, from that number on, waits for further ones, and ends with
// the error that stopped it: the context's, ErrTampered, ErrTrust, fabric.ErrDenied. A peer that is
// down is no reason to end: the stream goes on with another, without gap or double, and waits until
// there is one. Nor is one that tampers, as long as there are others: it is told of by
// Options.OnRetry and not asked again, or any one peer could stop all readers of its channel.
func (s *Stream) Blocks(ctx context.Context, from uint64) iter.Seq2[Block, error] {
	return s.read(ctx, from, nil)
}

// Resume yields the blocks after a position, of which it demands that they continue its hash; it
// fails with ErrPosition where the chain does not hold that position.
func (s *Stream) Resume(ctx context.Context, after Position) iter.Seq2[Block, error] {
	if after.IsZero() {
		return s.read(ctx, 0, nil)
	}
	return s.read(ctx, after.Number+1, &after.Hash)
}

func (s *Stream) read(ctx context.Context, from uint64, previous *[32]byte) iter.Seq2[Block, error] {
	return func(yield func(Block, error) bool) {
		r := &reader{Stream: s, from: from, previous: previous, yield: yield}
		if err := r.run(ctx); err != nil {
			yield(Block{}, err)
		}
	}
}

// reader is one consumer's way along the chain.
type reader struct {
	*Stream
	from     uint64
	previous *[32]byte
	yield    func(Block, error) bool

	verifier *verifier
	source   int                      // whom to ask next
	unfit    map[int]error            // the peers not to ask again, and why
	waiting  atomic.Int64             // since when the peer owes a block, nanoseconds of the Unix epoch; 0: the consumer is busy
	at       atomic.Pointer[verifier] // a copy of the verifier, for watch
}

// errConsumerLeft ends a stream whose consumer broke off.
var errConsumerLeft = errors.New("the consumer left")

func (r *reader) run(ctx context.Context) error {
	r.unfit = map[int]error{}
	var unfit error // the first
	denied := 0
	for pause := r.opts.BackoffMin; ; pause = min(2*pause, r.opts.BackoffMax) {
		src := r.sources[r.source]
		progress, err := r.follow(ctx, src)
		switch {
		case errors.Is(err, errConsumerLeft):
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, fabric.ErrClosed):
			return err
		case errors.Is(err, ErrTampered), errors.Is(err, ErrTrust), errors.Is(err, ErrPosition):
			if unfit == nil {
				unfit = err
			}
			r.unfit[r.source] = err
		case errors.Is(err, fabric.ErrDenied):
			denied++
		default:
			denied = 0
		}
		if len(r.unfit)+denied >= len(r.sources) {
			if unfit != nil {
				return unfit
			}
			return err
		}
		if r.opts.OnRetry != nil {
			r.opts.OnRetry(src.Name(), err)
		}
		if errors.Is(err, errStale) || errors.Is(err, errBetter) {
			continue // follow has chosen the next peer
		}
		if progress {
			r.source, pause = r.fit(0), r.opts.BackoffMin
			continue
		}
		next := r.fit(r.source + 1)
		if next <= r.source && idle.About(ctx, pause) != nil {
			return context.Cause(ctx)
		}
		r.source = next
	}
}

// fit gives the first peer from i on, round and round, that may be asked; there is one.
func (r *reader) fit(i int) int {
	for ; ; i++ {
		if i %= len(r.sources); r.unfit[i] == nil {
			return i
		}
	}
}

// follow reads from one peer until it fails; progress tells whether a block came.
func (r *reader) follow(ctx context.Context, src Source) (progress bool, err error) {
	if r.verifier == nil {
		if r.verifier, err = r.start(ctx, src); err != nil {
			return false, err
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r.await()
	watched := make(chan int, 1)
	go func() {
		defer close(watched)
		if better, why := r.watch(ctx, r.source); better >= 0 {
			watched <- better
			cancel(why)
		}
	}()
	defer func() {
		cancel(nil)
		if better, ok := <-watched; ok && (errors.Is(err, errStale) || errors.Is(err, errBetter)) {
			r.source = better
		}
	}()
	for b, err := range src.Blocks(ctx, r.verifier.next) {
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				err = cause
			}
			return progress, err
		}
		r.waiting.Store(0)
		number := r.verifier.next
		block, err := r.verifier.verify(b)
		if err != nil {
			return progress, tampered(number, src, err)
		}
		progress = true
		if !r.yield(block, nil) {
			return true, errConsumerLeft
		}
		r.await()
	}
	return progress, fmt.Errorf("%w: %s ended its stream", fabric.ErrUnavailable, src.Name())
}

// await notes, for watch, that the next block is waited for from now on.
func (r *reader) await() {
	at := *r.verifier
	r.at.Store(&at)
	r.waiting.Store(time.Now().UnixNano())
}

// watch looks for a peer that serves better than the present one and gives its index: one that has
// the next block while the present one delivers none, or one of higher preference that is as far.
func (r *reader) watch(ctx context.Context, present int) (int, error) {
	if len(r.sources) < 2 {
		return -1, nil
	}
	t := time.NewTicker(r.opts.StaleAfter)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return -1, nil
		case <-t.C:
		}
		since := r.waiting.Load()
		stale := since != 0 && time.Since(time.Unix(0, since)) >= r.opts.StaleAfter
		for i, src := range r.sources {
			switch {
			case i == present || r.unfit[i] != nil:
			case stale && r.hasNext(ctx, src):
				return i, errStale
			case i < present && r.isLevel(ctx, src):
				return i, errBetter
			}
		}
	}
}

// hasNext reports whether a peer has the next block. A number that it claims would not do: whoever
// claims the most would be followed, and could hold the stream up by delivering nothing.
func (r *reader) hasNext(ctx context.Context, src Source) bool {
	v := *r.at.Load()
	b, err := src.Block(ctx, v.next)
	if err != nil {
		return false
	}
	_, err = v.verify(b)
	return err == nil
}

func (r *reader) isLevel(ctx context.Context, src Source) bool {
	b, err := src.Newest(ctx)
	return err == nil && b.GetHeader().GetNumber()+1 >= r.at.Load().next
}

// start makes the verifier for the first block to read: with the configuration in force there, found
// by walking back from configuration to configuration to the first block, and verified forwards.
func (r *reader) start(ctx context.Context, src Source) (*verifier, error) {
	v := &verifier{trust: r.trust}
	if r.from == 0 {
		return v, nil
	}
	last := r.from - 1
	before, err := r.fetch(ctx, src, last)
	if err != nil {
		if r.previous != nil && errors.Is(err, fabric.ErrNotFound) && r.allBehind(ctx, last) {
			return nil, fmt.Errorf("%w: no peer has block %d", ErrPosition, last)
		}
		return nil, err
	}
	if r.previous != nil && headerHash(before.GetHeader()) != *r.previous {
		return nil, fmt.Errorf("%w: block %d from %s has another hash", ErrPosition, last, src.Name())
	}
	// walk back: each configuration block, and the block before it, which names the configuration before.
	var path []*common.Block
	for at := before; ; {
		path = append(path, at)
		number := at.GetHeader().GetNumber()
		if number == 0 {
			break
		}
		var to uint64
		if isConfig(at.GetData().GetData()) {
			to = number - 1
		} else {
			_, ordered, malformed := ordererMetadata(at)
			if malformed != nil {
				return nil, tampered(number, src, malformed)
			}
			if to = ordered.GetLastConfig().GetIndex(); to >= number {
				return nil, tampered(number, src, fmt.Errorf("it names the later block %d as the last configuration", to))
			}
		}
		if len(path) > 2*maxConfigs {
			return nil, tampered(last, src, fmt.Errorf("more than %d configurations before it", maxConfigs))
		}
		if at, err = r.fetch(ctx, src, to); err != nil {
			return nil, err
		}
	}
	for _, b := range slices.Backward(path) {
		if err = v.admit(b); err != nil {
			return nil, tampered(b.GetHeader().GetNumber(), src, err)
		}
	}
	v.next, v.prev = r.from, headerHash(before.GetHeader())
	if v.commit, err = commitsAfter(before); err != nil {
		return nil, tampered(last, src, err)
	}
	return v, nil
}

// admit verifies a block on its own, without its place in the hash chain, and takes its configuration.
func (v *verifier) admit(b *common.Block) error {
	if err := sound(b); err != nil {
		return err
	}
	if b.GetHeader().GetNumber() == 0 {
		c, err := v.trust.anchor(b)
		v.config = c
		return err
	}
	configuration := isConfig(b.GetData().GetData())
	if err := v.signed(b, configuration); err != nil {
		return err
	}
	if configuration {
		return v.reconfigure(b)
	}
	return nil
}

func (r *reader) fetch(ctx context.Context, src Source, number uint64) (*common.Block, error) {
	b, err := src.Block(ctx, number)
	if err != nil {
		return nil, err
	}
	if b.GetHeader().GetNumber() != number {
		return nil, tampered(number, src, fmt.Errorf("number %d", b.GetHeader().GetNumber()))
	}
	return b, nil
}

// allBehind reports whether every peer answers and none has the block.
func (r *reader) allBehind(ctx context.Context, number uint64) bool {
	for _, src := range r.sources {
		b, err := src.Newest(ctx)
		if err != nil || b.GetHeader().GetNumber() >= number {
			return false
		}
	}
	return true
}

func tampered(number uint64, src Source, err error) error {
	if errors.Is(err, ErrTrust) {
		return err
	}
	return &TamperedError{Block: number, Peer: src.Name(), What: err.Error()}
}
