package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
)

// NewEventEntry makes an entry from an event and the JSON-LD context it is read under (nil for the
// default), dropping white space between tokens and nothing else.
func NewEventEntry(context, body []byte) (EventEntry, error) {
	compactBody, err := compacted(body)
	if err != nil {
		return EventEntry{}, fmt.Errorf("%w: event: %w", ledger.ErrMalformed, err)
	}
	if len(context) == 0 {
		return EventEntry{Body: compactBody}, nil
	}
	compactContext, err := compacted(context)
	if err != nil {
		return EventEntry{}, fmt.Errorf("%w: context: %w", ledger.ErrMalformed, err)
	}
	return EventEntry{Context: unlessDefault(compactContext), Body: compactBody}, nil
}

// SourceEntry makes an entry from a valid event of a document, which is compact as it was read: it shares the
// source's text.
func SourceEntry(s epcis.Source) EventEntry {
	return EventEntry{Context: unlessDefault(s.Context), Body: s.Raw}
}

// unlessDefault gives a compact context, nil for one that says no more than the default.
func unlessDefault(context []byte) []byte {
	switch string(context) {
	case "", `"` + epcis.DefaultContext + `"`, `["` + epcis.DefaultContext + `"]`, "null":
		return nil
	}
	return context
}

func compacted(data []byte) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(len(data))
	if err := json.Compact(&b, data); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Digest identifies the entry's exact text: SHA-256 over context, a zero byte and body.
func (e EventEntry) Digest() ledger.Digest { return ledger.BodyDigest(e.Context, e.Body) }

// compressor makes the zstd encoder at first use; it is stateless between calls.
var compressor = sync.OnceValues(func() (*zstd.Encoder, error) { //nolint:gochecknoglobals // immutable once made
	return zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault),
		zstd.WithEncoderCRC(false), zstd.WithZeroFrames(true), zstd.WithSingleSegment(true))
})

// decompressor makes the zstd decoder at first use; it is stateless between calls and never gives
// more than a batch may hold.
var decompressor = sync.OnceValues(func() (*zstd.Decoder, error) { //nolint:gochecknoglobals // immutable once made
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(ledger.MaxBatchBytes),
		zstd.WithDecoderMaxWindow(8<<20), zstd.IgnoreChecksum(false))
})

// EncodeEventBatch gives the argument of RecordEvents. It refuses what the contract would refuse as
// a whole: no entry, too many, too large.
func EncodeEventBatch(entries []EventEntry) ([]byte, error) { return encodeEvents(entries, false) }

// EncodePlainPack gives a pack of the entries without compression, so that it is the same on every
// machine whatever version of a compressor runs there.
func EncodePlainPack(entries []EventEntry) ([]byte, error) { return encodeEvents(entries, true) }

func encodeEvents(entries []EventEntry, plain bool) ([]byte, error) {
	if err := bounded("events", len(entries), ledger.MaxBatchEvents); err != nil {
		return nil, err
	}
	total := 0
	for i, e := range entries {
		if len(e.Body) > ledger.MaxEventBytes || len(e.Context) > ledger.MaxContextBytes {
			return nil, fmt.Errorf("%w: event %d: body of %d bytes, context of %d", ledger.ErrTooLarge, i, len(e.Body), len(e.Context))
		}
		total += len(e.Body)
	}
	if total > ledger.MaxBatchBytes {
		return nil, fmt.Errorf("%w: %d bytes of events, at most %d are allowed", ledger.ErrTooLarge, total, ledger.MaxBatchBytes)
	}
	batch := EventBatch{
		Contexts:  [][]byte{},
		ContextOf: make([]int, 0, len(entries)),
		Lengths:   make([]int, 0, len(entries)),
		Plain:     plain,
	}
	all := make([]byte, 0, total)
	known := map[string]int{"": -1}
	for _, e := range entries {
		at, ok := known[string(e.Context)]
		if !ok {
			at = len(batch.Contexts)
			known[string(e.Context)] = at
			batch.Contexts = append(batch.Contexts, e.Context)
		}
		batch.ContextOf = append(batch.ContextOf, at)
		batch.Lengths = append(batch.Lengths, len(e.Body))
		all = append(all, e.Body...)
	}
	if err := batch.checkContexts(); err != nil {
		return nil, err
	}
	batch.Pack = all
	if !plain {
		z, err := compressor()
		if err != nil {
			return nil, err
		}
		batch.Pack = z.EncodeAll(all, make([]byte, 0, len(all)/4+64))
	}
	data, err := Encode(batch)
	if err == nil && len(data) > ledger.MaxArgumentBytes {
		err = fmt.Errorf("%w: %d bytes encoded, at most %d are allowed", ledger.ErrTooLarge, len(data), ledger.MaxArgumentBytes)
	}
	return data, err
}

// DecodeEventBatch reads an event batch or a pack. Every length is checked before memory is taken,
// and no more is decompressed than the lengths announce. The entries share memory.
func DecodeEventBatch(data []byte) ([]EventEntry, error) {
	batch, err := Decode[EventBatch](data, ledger.MaxArgumentBytes)
	if err != nil {
		return nil, err
	}
	if err = bounded("events", len(batch.Lengths), ledger.MaxBatchEvents); err != nil {
		return nil, err
	}
	if len(batch.ContextOf) != len(batch.Lengths) {
		return nil, fmt.Errorf("%w: %d lengths and %d contexts of events", ledger.ErrMalformed, len(batch.Lengths), len(batch.ContextOf))
	}
	if err = batch.checkContexts(); err != nil {
		return nil, err
	}
	total := 0
	for i, n := range batch.Lengths {
		if n < 0 || n > ledger.MaxEventBytes {
			return nil, fmt.Errorf("%w: event %d: %d bytes, at most %d are allowed", ledger.ErrTooLarge, i, n, ledger.MaxEventBytes)
		}
		total += n
	}
	if total > ledger.MaxBatchBytes {
		return nil, fmt.Errorf("%w: %d bytes of events, at most %d are allowed", ledger.ErrTooLarge, total, ledger.MaxBatchBytes)
	}
	all, err := batch.bodies(total)
	if err != nil {
		return nil, err
	}
	entries := make([]EventEntry, len(batch.Lengths))
	for i, n := range batch.Lengths {
		entries[i].Body, all = all[:n:n], all[n:]
		if at := batch.ContextOf[i]; at >= 0 {
			entries[i].Context = batch.Contexts[at]
		}
	}
	return entries, nil
}

// checkContexts holds that contexts stand in the order of their first use, once each.
func (b EventBatch) checkContexts() error {
	if len(b.Contexts) > ledger.MaxBatchContexts {
		return fmt.Errorf("%w: %d contexts, at most %d are allowed", ledger.ErrTooLarge, len(b.Contexts), ledger.MaxBatchContexts)
	}
	seen := make(map[string]struct{}, len(b.Contexts))
	total := 0
	for i, c := range b.Contexts {
		total += len(c)
		if len(c) > ledger.MaxContextBytes {
			return fmt.Errorf("%w: context %d: %d bytes, at most %d are allowed", ledger.ErrTooLarge, i, len(c), ledger.MaxContextBytes)
		}
		if _, twice := seen[string(c)]; twice || len(c) == 0 {
			return fmt.Errorf("%w: context %d is empty or stands twice", ledger.ErrMalformed, i)
		}
		seen[string(c)] = struct{}{}
	}
	if total > ledger.MaxContextsBytes {
		return fmt.Errorf("%w: %d bytes of contexts, at most %d are allowed", ledger.ErrTooLarge, total, ledger.MaxContextsBytes)
	}
	next := 0
	for i, at := range b.ContextOf {
		if at < -1 || at > next || at >= len(b.Contexts) {
			return fmt.Errorf("%w: event %d names context %d", ledger.ErrMalformed, i, at)
		}
		if at == next {
			next++
		}
	}
	if next != len(b.Contexts) {
		return fmt.Errorf("%w: a context that no event uses", ledger.ErrMalformed)
	}
	return nil
}

func (b EventBatch) bodies(total int) ([]byte, error) {
	if b.Plain {
		if len(b.Pack) != total {
			return nil, fmt.Errorf("%w: the pack holds %d bytes, its lengths announce %d", ledger.ErrMalformed, len(b.Pack), total)
		}
		return b.Pack, nil
	}
	var header zstd.Header
	if err := header.Decode(b.Pack); err != nil {
		return nil, fmt.Errorf("%w: pack: %w", ledger.ErrMalformed, err)
	}
	if header.Skippable || !header.HasFCS || header.FrameContentSize != uint64(total) || header.DictionaryID != 0 { //nolint:gosec // a sum of lengths that were checked
		return nil, fmt.Errorf("%w: the pack's frame does not hold the %d bytes that its lengths announce", ledger.ErrMalformed, total)
	}
	if !oneFrame(b.Pack, header) {
		return nil, fmt.Errorf("%w: the pack is not one frame and nothing more", ledger.ErrMalformed)
	}
	z, err := decompressor()
	if err != nil {
		return nil, err
	}
	all, err := z.DecodeAll(b.Pack, make([]byte, 0, total))
	if err != nil {
		return nil, fmt.Errorf("%w: pack: %w", ledger.ErrMalformed, err)
	}
	if len(all) != total {
		return nil, fmt.Errorf("%w: the pack holds %d bytes, its lengths announce %d", ledger.ErrMalformed, len(all), total)
	}
	return all, nil
}

// oneFrame reports whether a pack ends where its first frame does (RFC 8878, section 3.1.1): a decoder
// skips empty frames and frames of other content, which would be recorded unseen.
func oneFrame(pack []byte, header zstd.Header) bool {
	const reserved = 3
	at := header.HeaderSize
	for last := false; !last; {
		if at+3 > len(pack) {
			return false
		}
		block := int(pack[at]) | int(pack[at+1])<<8 | int(pack[at+2])<<16
		last = block&1 == 1
		at += 3
		switch kind, size := block>>1&3, block>>3; kind {
		case reserved:
			return false
		case 1: // one byte, repeated
			at++
		default:
			at += size
		}
	}
	if header.HasCheckSum {
		at += 4
	}
	return at == len(pack)
}
