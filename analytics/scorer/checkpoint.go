package scorer

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// A checkpoint file is
//
//	"WBSCORE\x04" | SHA-256 of the rest | model digest | position | ended | pending verdicts | panel | docket
//
// and is replaced as a whole: written beside, synced, renamed, and the folder synced. Only shipments that
// changed since the last are encoded anew, which blocks wait for; the writing goes on beside them.
const checkpointMagic = "WBSCORE\x04"

const (
	maxPendingSaved = 1 << 20
	maxVerdictSaved = 1 << 20
	maxPanelSaved   = 1 << 31
)

var errNoCheckpoint = errors.New("no checkpoint")

var errCheckpoint = errors.New("WB_CHECKPOINT: damaged checkpoint")

// encodeCheckpoint gives the parts of a checkpoint, but for magic and checksum, in their order. Nobody may change
// them: what did not change since the last checkpoint is shared with it.
func encodeCheckpoint(model ledger.Digest, st *state, pending []ledger.Verdict, panel []byte) ([][]byte, error) {
	c := canon.Writer(nil)
	c.Raw(model[:])
	canon.Uint(c, &st.position)
	c.Bool(&st.ended)
	texts := make([]string, len(pending))
	for i, v := range pending {
		text, err := wire.Encode(v)
		if err != nil {
			return nil, fmt.Errorf("verdict on %s: %w", v.Shipment, err)
		}
		texts[i] = string(text)
	}
	canon.Slice(c, &texts, maxPendingSaved, func(c *canon.Coder, s *string) { canon.String(c, s, maxVerdictSaved) })
	c.Len(len(panel), maxPanelSaved)
	c.Raw(panel)
	engines, err := st.docket.save(c)
	return append([][]byte{c.Bytes()}, engines...), err
}

// savedState is what a checkpoint holds.
type savedState struct {
	state
	pending []ledger.Verdict
	panel   []byte
}

// readCheckpoint reads a checkpoint of a model into d, an empty docket.
func readCheckpoint(path string, m *score.Model, d *Docket) (*savedState, error) {
	data, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNoCheckpoint
	}
	if err != nil {
		return nil, err
	}
	return decodeCheckpoint(data, m, d)
}

func decodeCheckpoint(data []byte, m *score.Model, d *Docket) (*savedState, error) {
	head := len(checkpointMagic) + sha256.Size
	if len(data) < head || !bytes.HasPrefix(data, []byte(checkpointMagic)) {
		return nil, fmt.Errorf("%w: not a checkpoint of this version", errCheckpoint)
	}
	if sum := sha256.Sum256(data[head:]); !bytes.Equal(sum[:], data[len(checkpointMagic):head]) {
		return nil, fmt.Errorf("%w: its checksum is wrong", errCheckpoint)
	}
	c := canon.Reader(data[head:])
	var model ledger.Digest
	c.Raw(model[:])
	st := &savedState{state: state{docket: d}}
	canon.Uint(c, &st.position)
	c.Bool(&st.ended)
	var texts []string
	canon.Slice(c, &texts, maxPendingSaved, func(c *canon.Coder, s *string) { canon.String(c, s, maxVerdictSaved) })
	if c.Err() == nil && model != m.Digest() {
		return nil, fmt.Errorf("%w: it is of another model", errCheckpoint)
	}
	if n := c.Len(0, min(len(data), maxPanelSaved)); n > 0 && c.Err() == nil {
		st.panel = make([]byte, n)
		c.Raw(st.panel)
	}
	st.docket.read(c)
	if err := c.Done(); err != nil {
		return nil, fmt.Errorf("%w: %w", errCheckpoint, err)
	}
	for _, text := range texts {
		v, err := wire.Decode[ledger.Verdict]([]byte(text), maxVerdictSaved)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errCheckpoint, err)
		}
		st.pending = append(st.pending, v)
	}
	return st, nil
}

// writeFile replaces a file so that a crash leaves the old one or the new one.
func writeFile(path string, parts [][]byte) error {
	folder := filepath.Dir(path)
	temporary := path + ".tmp"                                                  // one name, so that crashes leave one file at most
	f, err := os.OpenFile(temporary, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return err
	}
	sum := sha256.New()
	for _, part := range parts {
		sum.Write(part)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	_, err = w.Write(sum.Sum([]byte(checkpointMagic)))
	for i := 0; i < len(parts) && err == nil; i++ {
		_, err = w.Write(parts[i])
	}
	err = errors.Join(err, w.Flush(), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	d, err := os.Open(folder) //nolint:gosec // the operator names the folder
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// saver writes one checkpoint at a time beside the loop.
type saver struct {
	path string
	busy sync.Mutex
	runs sync.WaitGroup
	took atomic.Int64
}

func newSaver(path string) *saver { return &saver{path: path} }

// idle reports whether the last checkpoint is on disk.
func (s *saver) idle() bool {
	if !s.busy.TryLock() {
		return false
	}
	s.busy.Unlock()
	return true
}

func (s *saver) save(parts [][]byte, failed func(error)) {
	s.busy.Lock()
	s.runs.Go(func() {
		defer s.busy.Unlock()
		begun := time.Now()
		if err := writeFile(s.path, parts); err != nil {
			failed(err)
		}
		s.took.Store(int64(time.Since(begun)))
	})
}

// last is how long the last checkpoint took to write.
func (s *saver) last() time.Duration { return time.Duration(s.took.Load()) }

func (s *saver) wait() { s.runs.Wait() }
