package scorer

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// A checkpoint file is
//
//	"WBSCORE\x02" | SHA-256 of the rest | model digest | position | pending verdicts | docket
//
// and is replaced as a whole: written beside, synced, renamed, and the folder synced.
const checkpointMagic = "WBSCORE\x02"

const (
	maxPendingSaved = 1 << 20
	maxVerdictSaved = 1 << 20
)

var errNoCheckpoint = errors.New("no checkpoint")

var errCheckpoint = errors.New("WB_CHECKPOINT: damaged checkpoint")

// encodeCheckpoint writes the state down; size is about how large it was the last time. It writes it
// once, since of ten thousand shipments it is hundreds of megabytes.
func encodeCheckpoint(model ledger.Digest, position uint64, d *Docket, pending []ledger.Verdict, size int) ([]byte, error) {
	c := canon.Writer(make([]byte, 0, size+size/8+len(pending)*1024+4096))
	c.Raw([]byte(checkpointMagic))
	c.Raw(make([]byte, sha256.Size))
	c.Raw(model[:])
	canon.Uint(c, &position)
	texts := make([]string, len(pending))
	for i, v := range pending {
		text, err := wire.Encode(v)
		if err != nil {
			return nil, fmt.Errorf("verdict on %s: %w", v.Shipment, err)
		}
		texts[i] = string(text)
	}
	canon.Slice(c, &texts, maxPendingSaved, func(c *canon.Coder, s *string) { canon.String(c, s, maxVerdictSaved) })
	d.code(c)
	if err := c.Err(); err != nil {
		return nil, err
	}
	data := c.Bytes()
	head := len(checkpointMagic) + sha256.Size
	sum := sha256.Sum256(data[head:])
	copy(data[len(checkpointMagic):], sum[:])
	return data, nil
}

func readCheckpoint(path string, m *score.Model, limits feature.Limits) (*state, []ledger.Verdict, error) {
	data, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, errNoCheckpoint
	}
	if err != nil {
		return nil, nil, err
	}
	return decodeCheckpoint(data, m, limits)
}

func decodeCheckpoint(data []byte, m *score.Model, limits feature.Limits) (*state, []ledger.Verdict, error) {
	head := len(checkpointMagic) + sha256.Size
	if len(data) < head || !bytes.HasPrefix(data, []byte(checkpointMagic)) {
		return nil, nil, fmt.Errorf("%w: not a checkpoint of this version", errCheckpoint)
	}
	if sum := sha256.Sum256(data[head:]); !bytes.Equal(sum[:], data[len(checkpointMagic):head]) {
		return nil, nil, fmt.Errorf("%w: its checksum is wrong", errCheckpoint)
	}
	c := canon.Reader(data[head:])
	var model ledger.Digest
	c.Raw(model[:])
	st := &state{docket: NewDocket(m, limits)}
	canon.Uint(c, &st.position)
	var texts []string
	canon.Slice(c, &texts, maxPendingSaved, func(c *canon.Coder, s *string) { canon.String(c, s, maxVerdictSaved) })
	if c.Err() == nil && model != m.Digest() {
		return nil, nil, fmt.Errorf("%w: it is of another model", errCheckpoint)
	}
	st.docket.code(c)
	if err := c.Done(); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errCheckpoint, err)
	}
	var pending []ledger.Verdict
	for _, text := range texts {
		v, err := wire.Decode[ledger.Verdict]([]byte(text), maxVerdictSaved)
		if err != nil {
			return nil, nil, fmt.Errorf("%w: %w", errCheckpoint, err)
		}
		pending = append(pending, v)
	}
	return st, pending, nil
}

// writeFile replaces a file so that a crash leaves the old one or the new one.
func writeFile(path string, data []byte) error {
	folder := filepath.Dir(path)
	temporary := path + ".tmp"                                                  // one name, so that crashes leave one file at most
	f, err := os.OpenFile(temporary, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
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

func (s *saver) save(data []byte, failed func(error)) {
	s.busy.Lock()
	s.runs.Go(func() {
		defer s.busy.Unlock()
		if err := writeFile(s.path, data); err != nil {
			failed(err)
		}
	})
}

func (s *saver) wait() { s.runs.Wait() }
