package blocks

import (
	"errors"
	"fmt"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
)

var (
	// ErrTampered says that a block is not what the orderers signed, or not what follows the block
	// before it; the text names what is wrong. A *TamperedError carries it.
	ErrTampered = errors.New("WB_BLOCK_TAMPERED: a block does not verify")
	// ErrTrust says that the profile's trust roots and the channel do not go together, so that no block can be verified.
	ErrTrust = errors.New("WB_TRUST: the channel does not match the trust roots")
	// ErrPosition says that the position to resume from is not of this chain.
	ErrPosition = errors.New("WB_POSITION: the position does not lie on this chain")
)

// TamperedError is the error of a block that does not verify.
type TamperedError struct {
	Block uint64 // the number that was expected
	Peer  string // who delivered it
	What  string // what is wrong, in words
}

// Error names the block, the peer and what is wrong.
func (t *TamperedError) Error() string {
	return fmt.Sprintf("%s: block %d from %s: %s", ErrTampered, t.Block, t.Peer, t.What)
}

// Unwrap gives ErrTampered.
func (t *TamperedError) Unwrap() error { return ErrTampered }

// Position is how far a consumer has got: the last block it has taken in. The zero value is before
// the first block.
type Position struct {
	Number uint64
	Hash   [32]byte
}

// IsZero reports whether nothing was taken in yet.
func (p Position) IsZero() bool { return p == Position{} }

// Write is one change of the world state.
type Write struct {
	Key    string
	Value  []byte
	Delete bool
}

// Transaction is one transaction of a block. An invalid one changed nothing, whatever its event and writes say.
type Transaction struct {
	ID         string
	Index      int       // position in the block
	Valid      bool      // by the peer's validity flag
	Code       int32     // peer.TxValidationCode
	Time       time.Time // chosen by the client; never order by it
	CreatorMSP string
	Chaincode  string  // empty for a configuration
	Event      []byte  // payload of the event `waybill` of our chaincode, nil if none
	Writes     []Write // of our chaincode's namespace, in key order

	sets []namespaceWrites // of every namespace, until the block is verified
}

// Block is a verified block.
type Block struct {
	Number         uint64
	Hash, Previous [32]byte // of this block's header and of the one before
	Config         bool     // holds a configuration of the channel and nothing else
	Transactions   []Transaction
	Raw            *common.Block // as delivered; read only
}

// Position is the consumer's position once it has taken b in.
func (b Block) Position() Position { return Position{Number: b.Number, Hash: b.Hash} }
