// Package state is the typed world state: what the ledger holds, by kind, as a transaction sees it.
// It may import ledger and wire, and of Fabric nothing: the world state is an interface that the
// shim's stub satisfies.
//
// Fabric does not let a transaction read its own writes. A Repository does: reads go to the peer
// once a key, in bulk where the keys are known beforehand, and writes are kept until Flush, so that
// the inputs of a batch see each other's effects. Facts are append-only: a key that holds one is
// never written again with another.
package state

import (
	"errors"
	"fmt"
	"slices"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// WorldState is what a Repository needs of Fabric. Where the peer does not support bulk reads or
// write batches, the shim falls back to single messages.
type WorldState interface {
	GetMultipleStates(keys ...string) ([][]byte, error)
	PutState(key string, value []byte) error
	DelState(key string) error
	SetStateValidationParameter(key string, policy []byte) error
	StartWriteBatch()
	FinishWriteBatch() error
}

// ErrExists tells that a fact was about to be written over another, which is a fault of the contract.
var ErrExists = errors.New("the key already holds a fact")

// overlay is a transaction's view of raw keys: what was read, and over it what was written.
type overlay struct {
	world   WorldState
	read    map[string][]byte // nil: absent
	written map[string][]byte // nil: deleted
	guarded map[string][]byte // endorsement policies of keys that are written
}

func newOverlay(world WorldState) *overlay {
	return &overlay{world: world, read: map[string][]byte{}, written: map[string][]byte{}, guarded: map[string][]byte{}}
}

// prefetch reads the keys that were not read yet, in one call.
func (o *overlay) prefetch(keys []string) error {
	missing := make([]string, 0, len(keys))
	for _, key := range keys {
		if _, ok := o.read[key]; !ok {
			o.read[key] = nil
			missing = append(missing, key)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	values, err := o.world.GetMultipleStates(missing...)
	if err == nil && len(values) != len(missing) {
		err = fmt.Errorf("%d values came for %d keys", len(values), len(missing))
	}
	if err != nil {
		for _, key := range missing {
			delete(o.read, key)
		}
		return fmt.Errorf("read %d keys: %w", len(missing), err)
	}
	for i, key := range missing {
		if len(values[i]) > 0 {
			o.read[key] = values[i]
		}
	}
	return nil
}

// get gives the value as the transaction sees it, nil if there is none.
func (o *overlay) get(key string) ([]byte, error) {
	if value, ok := o.written[key]; ok {
		return value, nil
	}
	if err := o.prefetch([]string{key}); err != nil {
		return nil, err
	}
	return o.read[key], nil
}

// pass gives the value as get does, and keeps none: a transaction may read more of such than it has room for.
func (o *overlay) pass(key string) ([]byte, error) {
	if value, ok := o.written[key]; ok {
		return value, nil
	}
	if value, ok := o.read[key]; ok {
		return value, nil
	}
	values, err := o.world.GetMultipleStates(key)
	if err == nil && len(values) != 1 {
		err = fmt.Errorf("%d values came for a key", len(values))
	}
	if err != nil {
		return nil, fmt.Errorf("read a key: %w", err)
	}
	if len(values[0]) == 0 {
		return nil, nil
	}
	return values[0], nil
}

// create writes a fact. A key that was read and held something, or was written in this transaction,
// is refused; a key that was not read is new by its name (it holds the transaction's id, or the hash
// of an event that was not recorded).
func (o *overlay) create(key string, value []byte) error {
	if o.read[key] != nil || o.written[key] != nil {
		return fmt.Errorf("%w: %q", ErrExists, key)
	}
	o.written[key] = value
	return nil
}

func (o *overlay) put(key string, value []byte) { o.written[key] = value }

// endorse gives a key that is written an endorsement policy of its own.
func (o *overlay) endorse(key string, policy []byte) { o.guarded[key] = policy }

func (o *overlay) delete(key string) { o.written[key] = nil }

// dirty reports whether there is anything to write.
func (o *overlay) dirty() bool { return len(o.written) > 0 }

// flush writes everything in the order of the keys.
func (o *overlay) flush() error {
	if !o.dirty() {
		return nil
	}
	keys := make([]string, 0, len(o.written))
	for key := range o.written {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	o.world.StartWriteBatch()
	for _, key := range keys {
		var err error
		if value := o.written[key]; value == nil {
			err = o.world.DelState(key)
		} else {
			err = o.world.PutState(key, value)
		}
		if policy := o.guarded[key]; err == nil && policy != nil {
			err = o.world.SetStateValidationParameter(key, policy)
		}
		if err != nil {
			return fmt.Errorf("write %q: %w", key, err)
		}
	}
	if err := o.world.FinishWriteBatch(); err != nil {
		return fmt.Errorf("write %d keys: %w", len(keys), err)
	}
	return nil
}

// damaged wraps an error of a stored value: it was written by another program or version.
func damaged(key string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("stored value of %q: %s", key, ledger.ErrorText(err))
}
