package fabric

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Source delivers the blocks of one peer, as that peer has them: unverified.
type Source struct {
	client *Client
	node   *node
}

// Sources lists the peers that deliver blocks, first choice first.
func (c *Client) Sources() []*Source {
	out := make([]*Source, len(c.peers))
	for i, n := range c.peers {
		out[i] = &Source{client: c, node: n}
	}
	return out
}

// Name is the peer's name.
func (s *Source) Name() string { return s.node.name }

// Blocks yields the peer's blocks from that number on and waits for further ones. It ends only with
// an error: the context's, ErrUnavailable, ErrDenied.
func (s *Source) Blocks(ctx context.Context, from uint64) iter.Seq2[*common.Block, error] {
	return func(yield func(*common.Block, error) bool) {
		streaming, cancel := context.WithCancel(ctx)
		defer cancel()
		next, err := s.open(streaming, seekNumber(from), seekNumber(math.MaxUint64), orderer.SeekInfo_BLOCK_UNTIL_READY)
		if err != nil {
			yield(nil, err)
			return
		}
		for {
			b, err := next()
			if errors.Is(err, io.EOF) {
				err = &Error{Op: opDeliver, Peer: s.node.name, Kind: ErrUnavailable, Cause: io.ErrUnexpectedEOF}
			}
			if !yield(b, err) || err != nil {
				return
			}
		}
	}
}

// Block gets one block, or ErrNotFound if the peer has not got so far.
func (s *Source) Block(ctx context.Context, number uint64) (*common.Block, error) {
	return s.one(ctx, seekNumber(number))
}

// Newest gets the peer's last block.
func (s *Source) Newest(ctx context.Context) (*common.Block, error) {
	return s.one(ctx, &orderer.SeekPosition{Type: &orderer.SeekPosition_Newest{Newest: &orderer.SeekNewest{}}})
}

func (s *Source) one(ctx context.Context, at *orderer.SeekPosition) (*common.Block, error) {
	ctx, cancel := context.WithTimeout(ctx, s.client.limits.Evaluate)
	defer cancel()
	next, err := s.open(ctx, at, at, orderer.SeekInfo_FAIL_IF_NOT_READY)
	if err != nil {
		return nil, err
	}
	return next()
}

// open starts a deliver stream. fabric-gateway's own BlockEvents is of no use here: its channel
// closes without saying why.
func (s *Source) open(ctx context.Context, start, stop *orderer.SeekPosition, behaviour orderer.SeekInfo_SeekBehavior) (func() (*common.Block, error), error) {
	fail := func(err error) *Error { return classify(ctx, opDeliver, s.node.name, "", err) }
	envelope, err := s.seek(start, stop, behaviour)
	if err != nil {
		return nil, err
	}
	stream, err := peer.NewDeliverClient(s.node.conn).Deliver(ctx)
	if err != nil {
		return nil, fail(err)
	}
	if err := stream.Send(envelope); err != nil && !errors.Is(err, io.EOF) { // after EOF, Recv has the reason
		return nil, fail(err)
	}
	return func() (*common.Block, error) {
		response, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		if err != nil {
			return nil, fail(err)
		}
		switch r := response.GetType().(type) {
		case *peer.DeliverResponse_Block:
			return r.Block, nil
		case *peer.DeliverResponse_Status:
			return nil, s.ended(r.Status)
		default:
			return nil, &Error{Op: opDeliver, Peer: s.node.name, Kind: ErrUnavailable, Cause: fmt.Errorf("the peer sent a %T", r)}
		}
	}, nil
}

func (s *Source) ended(st common.Status) error {
	e := &Error{Op: opDeliver, Peer: s.node.name, Kind: ErrUnavailable, Cause: fmt.Errorf("the peer ended the stream with status %s", st)}
	switch st { //nolint:exhaustive // whatever else a peer says, another may serve
	case common.Status_SUCCESS:
		return io.EOF
	case common.Status_FORBIDDEN:
		e.Kind = ErrDenied
	case common.Status_NOT_FOUND:
		e.Kind = ErrNotFound
	}
	return e
}

func (s *Source) seek(start, stop *orderer.SeekPosition, behaviour orderer.SeekInfo_SeekBehavior) (*common.Envelope, error) {
	nonce := make([]byte, 24)
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	channelHeader, err := proto.Marshal(&common.ChannelHeader{
		Type: int32(common.HeaderType_DELIVER_SEEK_INFO), ChannelId: s.client.channel,
		Timestamp: timestamppb.New(time.Now()), TlsCertHash: s.node.tlsHash,
	})
	if err != nil {
		return nil, err
	}
	signatureHeader, err := proto.Marshal(&common.SignatureHeader{Creator: s.client.creator, Nonce: nonce})
	if err != nil {
		return nil, err
	}
	seek, err := proto.Marshal(&orderer.SeekInfo{Start: start, Stop: stop, Behavior: behaviour})
	if err != nil {
		return nil, err
	}
	payload, err := proto.Marshal(&common.Payload{
		Header: &common.Header{ChannelHeader: channelHeader, SignatureHeader: signatureHeader}, Data: seek,
	})
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(payload)
	signature, err := s.client.sign(digest[:])
	if err != nil {
		return nil, err
	}
	return &common.Envelope{Payload: payload, Signature: signature}, nil
}

func seekNumber(n uint64) *orderer.SeekPosition {
	return &orderer.SeekPosition{Type: &orderer.SeekPosition_Specified{Specified: &orderer.SeekSpecified{Number: n}}}
}
