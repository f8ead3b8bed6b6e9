package fabric_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/waybill-dev/waybill/gateway/fabric"
	"github.com/waybill-dev/waybill/gateway/profile"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// standIn is a peer's gateway and deliver service that answers as a test tells it.
type standIn struct {
	gateway.UnimplementedGatewayServer

	mu       sync.Mutex
	calls    map[string]int
	endorse  func(*gateway.EndorseRequest) error
	submit   func(*gateway.SubmitRequest) error
	status   func(ctx context.Context, txID string) (*gateway.CommitStatusResponse, error)
	evaluate func(ctx context.Context) ([]byte, error)
	deliver  func(seek *orderer.SeekInfo, header *common.ChannelHeader, s peer.Deliver_DeliverServer) error

	addr string
	stop func()
}

func (p *standIn) count(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls[what]++
}

func (p *standIn) called(what string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[what]
}

// Endorse is GatewayServer's.
func (p *standIn) Endorse(_ context.Context, r *gateway.EndorseRequest) (*gateway.EndorseResponse, error) {
	p.count("endorse")
	if p.endorse != nil {
		if err := p.endorse(r); err != nil {
			return nil, err
		}
	}
	var proposal peer.Proposal
	if err := proto.Unmarshal(r.GetProposedTransaction().GetProposalBytes(), &proposal); err != nil {
		return nil, err
	}
	var header common.Header
	if err := proto.Unmarshal(proposal.GetHeader(), &header); err != nil {
		return nil, err
	}
	response := must(proto.Marshal(&peer.ProposalResponsePayload{
		Extension: must(proto.Marshal(&peer.ChaincodeAction{Response: &peer.Response{Status: 200, Payload: []byte("result")}})),
	}))
	action := must(proto.Marshal(&peer.ChaincodeActionPayload{Action: &peer.ChaincodeEndorsedAction{ProposalResponsePayload: response}}))
	tx := must(proto.Marshal(&peer.Transaction{Actions: []*peer.TransactionAction{{Payload: action}}}))
	return &gateway.EndorseResponse{PreparedTransaction: &common.Envelope{Payload: must(proto.Marshal(&common.Payload{Header: &header, Data: tx}))}}, nil
}

// Submit is GatewayServer's.
func (p *standIn) Submit(_ context.Context, r *gateway.SubmitRequest) (*gateway.SubmitResponse, error) {
	p.count("submit")
	if p.submit != nil {
		if err := p.submit(r); err != nil {
			return nil, err
		}
	}
	return &gateway.SubmitResponse{}, nil
}

// CommitStatus is GatewayServer's.
func (p *standIn) CommitStatus(ctx context.Context, r *gateway.SignedCommitStatusRequest) (*gateway.CommitStatusResponse, error) {
	p.count("status")
	var request gateway.CommitStatusRequest
	if err := proto.Unmarshal(r.GetRequest(), &request); err != nil {
		return nil, err
	}
	if len(r.GetSignature()) == 0 || len(request.GetIdentity()) == 0 || request.GetChannelId() != "waybill" {
		return nil, status.Error(codes.InvalidArgument, "malformed request")
	}
	if p.status != nil {
		return p.status(ctx, request.GetTransactionId())
	}
	return &gateway.CommitStatusResponse{Result: peer.TxValidationCode_VALID, BlockNumber: 7}, nil
}

// Evaluate is GatewayServer's.
func (p *standIn) Evaluate(ctx context.Context, _ *gateway.EvaluateRequest) (*gateway.EvaluateResponse, error) {
	p.count("evaluate")
	if p.evaluate == nil {
		return &gateway.EvaluateResponse{Result: &peer.Response{Payload: []byte("value")}}, nil
	}
	out, err := p.evaluate(ctx)
	return &gateway.EvaluateResponse{Result: &peer.Response{Payload: out}}, err
}

// deliverer has the deliver service apart, for both services name a method alike.
type deliverer struct {
	peer.UnimplementedDeliverServer
	*standIn
}

// Deliver is DeliverServer's.
func (d deliverer) Deliver(s peer.Deliver_DeliverServer) error {
	d.count("deliver")
	envelope, err := s.Recv()
	if err != nil {
		return err
	}
	var payload common.Payload
	var header common.ChannelHeader
	var seek orderer.SeekInfo
	for _, err := range []error{
		proto.Unmarshal(envelope.GetPayload(), &payload),
		proto.Unmarshal(payload.GetHeader().GetChannelHeader(), &header),
		proto.Unmarshal(payload.GetData(), &seek),
	} {
		if err != nil {
			return err
		}
	}
	var signature common.SignatureHeader
	var creator msp.SerializedIdentity
	if err = proto.Unmarshal(payload.GetHeader().GetSignatureHeader(), &signature); err != nil {
		return err
	}
	if err = proto.Unmarshal(signature.GetCreator(), &creator); err != nil {
		return err
	}
	block, _ := pem.Decode(creator.GetIdBytes())
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return err
	}
	digest := sha256.Sum256(envelope.GetPayload())
	key, ok := cert.PublicKey.(*ecdsa.PublicKey)
	if !ok || !ecdsa.VerifyASN1(key, digest[:], envelope.GetSignature()) {
		return status.Error(codes.PermissionDenied, "wrong signature")
	}
	return d.deliver(&seek, &header, s)
}

func block(n uint64) *peer.DeliverResponse {
	return &peer.DeliverResponse{Type: &peer.DeliverResponse_Block{Block: &common.Block{Header: &common.BlockHeader{Number: n}}}}
}

func ending(s common.Status) *peer.DeliverResponse {
	return &peer.DeliverResponse{Type: &peer.DeliverResponse_Status{Status: s}}
}

// pair makes a certificate for 127.0.0.1 and its key, as files.
func pair(t *testing.T, dir, name string) (certFile, keyFile string) {
	t.Helper()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
	certFile, keyFile = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	for file, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(key))},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

// dial starts n stand-in peers and a client that prefers them in their order.
func dial(t *testing.T, n int, o fabric.Options) (*fabric.Client, []*standIn) {
	t.Helper()
	dir := t.TempDir()
	tlsCert, tlsKey := pair(t, dir, "tls")
	idCert, idKey := pair(t, dir, "id")
	p := &profile.Profile{
		Version: profile.Version, Channel: "waybill", Chaincode: "waybill", Organisation: "producer", MSPID: "ProducerMSP",
		Identities: map[string]profile.Identity{"service": {Cert: idCert, Key: idKey}},
	}
	clientCA := x509.NewCertPool()
	clientCA.AppendCertsFromPEM(must(os.ReadFile(idCert)))
	var peers []*standIn
	for i := range n {
		v := &standIn{calls: map[string]int{}}
		cfg := &tls.Config{Certificates: []tls.Certificate{must(tls.LoadX509KeyPair(tlsCert, tlsKey))}, MinVersion: tls.VersionTLS12}
		if o.ClientCert == "id" {
			cfg.ClientAuth, cfg.ClientCAs = tls.RequireAndVerifyClientCert, clientCA
		}
		l := must(net.Listen("tcp", "127.0.0.1:0"))
		server := grpc.NewServer(grpc.Creds(credentials.NewTLS(cfg)))
		gateway.RegisterGatewayServer(server, v)
		peer.RegisterDeliverServer(server, deliverer{standIn: v})
		go func() { _ = server.Serve(l) }()
		t.Cleanup(server.Stop)
		v.addr, v.stop = l.Addr().String(), server.Stop
		peers = append(peers, v)
		p.GatewayPeers = append(p.GatewayPeers, profile.Peer{Name: fmt.Sprint("peer", i), Address: v.addr, TLSRootCert: tlsCert})
	}
	if o.ClientCert == "id" {
		o.ClientCert, o.ClientKey = idCert, idKey
	}
	c, err := fabric.Dial(p, "service", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, peers
}

func TestATransactionIsEndorsedSubmittedAndCommitted(t *testing.T) {
	for name, o := range map[string]fabric.Options{"TLS": {}, "mutual TLS": {ClientCert: "id"}} {
		t.Run(name, func(t *testing.T) {
			c, _ := dial(t, 1, o)
			tx, err := c.Endorse(t.Context(), "traceability:RecordEvents", []byte("batch"))
			if err != nil || string(tx.Result) != "result" || len(tx.ID) != 64 {
				t.Fatalf("%+v, %v", tx, err)
			}
			for range 2 { // a second copy does no harm
				if err = c.Submit(t.Context(), tx); err != nil {
					t.Fatal(err)
				}
			}
			st, err := c.Commit(t.Context(), tx.ID)
			if err != nil || st.Err() != nil || st.Block != 7 || st.TxID != tx.ID {
				t.Errorf("%+v, %v", st, err)
			}
			if st, err = c.Resolve(t.Context(), tx.ID); err != nil || st.Block != 7 {
				t.Errorf("%+v, %v", st, err)
			}
		})
	}
}

// detailed is an error as the peer's gateway makes it.
func detailed(code codes.Code, message string, details ...string) error {
	st := status.New(code, message)
	for _, d := range details {
		st = must(st.WithDetails(&gateway.ErrorDetail{Address: "peer0:7051", MspId: "ProducerMSP", Message: d}))
	}
	return st.Err()
}

func TestFailuresToEndorseAreTold(t *testing.T) {
	const first, collecting = "failed to endorse transaction, see attached details for more info", "failed to collect enough transaction endorsements, see attached details for more info"
	for name, c := range map[string]struct {
		err        error
		is         error
		code, text string
	}{
		"refused with a code": {
			detailed(codes.Aborted, first, "chaincode response 500, WB_CLOCK_SKEW: the clock\nis wrong"), fabric.ErrRefused, "WB_CLOCK_SKEW", "the clock\nis wrong",
		},
		"a refusal that quotes": {
			detailed(codes.Aborted, first, "chaincode response 500, WB_MALFORMED: policy too many requests access denied ProposalResponsePayloads do not match"),
			fabric.ErrRefused, "WB_MALFORMED", "policy too many requests access denied ProposalResponsePayloads do not match",
		},
		"refused without a code": {detailed(codes.Aborted, first, "chaincode response 500, nil pointer"), fabric.ErrRefused, "", "nil pointer"},
		"too large for the contract": {
			detailed(codes.Aborted, first, "chaincode response 500, WB_TOO_LARGE: much"), fabric.ErrTooLarge, "WB_TOO_LARGE", "much",
		},
		"peers of two minds":        {detailed(codes.Aborted, collecting, "ProposalResponsePayloads do not match"), fabric.ErrMismatch, "", ""},
		"a later peer refuses":      {detailed(codes.Aborted, collecting, "chaincode response 500, WB_X: no"), fabric.ErrMismatch, "WB_X", "no"},
		"no endorsers known yet":    {detailed(codes.FailedPrecondition, "no combination of peers can be derived which satisfy the endorsement policy"), fabric.ErrUnavailable, "", ""},
		"the chaincode is down":     {detailed(codes.Aborted, first, "could not launch chaincode"), fabric.ErrUnavailable, "", ""},
		"the peer's limit":          {detailed(codes.Unknown, "too many requests for /gateway.Gateway, exceeding concurrency limit (500)"), fabric.ErrTooMany, "", ""},
		"the peer's own time limit": {detailed(codes.DeadlineExceeded, "endorsement timeout expired while collecting first endorsement"), fabric.ErrDeadline, "", ""},
		"an expired certificate":    {detailed(codes.Aborted, first, "proposal client identity expired"), fabric.ErrDenied, "", ""},
		"a message too large":       {detailed(codes.ResourceExhausted, "grpc: received message larger than max"), fabric.ErrTooLarge, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			cl, peers := dial(t, 1, fabric.Options{})
			peers[0].endorse = func(*gateway.EndorseRequest) error { return c.err }
			_, err := cl.Endorse(t.Context(), "f")
			var e *fabric.Error
			if !errors.Is(err, c.is) || !errors.As(err, &e) || e.Code != c.code || e.Text != c.text || e.Peer != "peer0" || e.TxID == "" {
				t.Errorf("%v (code %q, text %q)", err, e.Code, e.Text)
			}
			if errors.Is(err, fabric.ErrUnknownOutcome) {
				t.Error("what was never submitted has no unknown outcome")
			}
		})
	}
}

func TestFailuresToSubmitSayWhetherItMayHaveHappened(t *testing.T) {
	for name, c := range map[string]struct {
		err     error
		is      error
		unknown bool
	}{
		"no orderer answered":    {detailed(codes.Unavailable, "no orderers could successfully process transaction"), fabric.ErrUnavailable, true},
		"the time ran out":       {detailed(codes.DeadlineExceeded, "submit timeout expired while broadcasting to ordering service"), fabric.ErrDeadline, true},
		"too large":              {detailed(codes.Aborted, "received unsuccessful response from orderer: status=REQUEST_ENTITY_TOO_LARGE, info=x"), fabric.ErrTooLarge, false},
		"the peer's limit":       {detailed(codes.Unknown, "too many requests for /gateway.Gateway, exceeding concurrency limit (500)"), fabric.ErrTooMany, false},
		"not allowed":            {detailed(codes.Aborted, "received unsuccessful response from orderer: status=FORBIDDEN, info=x"), fabric.ErrDenied, false},
		"refused for no reason":  {detailed(codes.Aborted, "received unsuccessful response from orderer: status=BAD_REQUEST, info=x"), fabric.ErrInvalidated, true},
		"the connection went":    {detailed(codes.Unavailable, "transport is closing"), fabric.ErrUnavailable, true},
		"who knows what it says": {detailed(codes.Internal, "?"), fabric.ErrUnavailable, true},
	} {
		t.Run(name, func(t *testing.T) {
			cl, peers := dial(t, 1, fabric.Options{})
			peers[0].submit = func(*gateway.SubmitRequest) error { return c.err }
			tx, err := cl.Endorse(t.Context(), "f")
			if err != nil {
				t.Fatal(err)
			}
			err = cl.Submit(t.Context(), tx)
			var e *fabric.Error
			if !errors.Is(err, c.is) || errors.Is(err, fabric.ErrUnknownOutcome) != c.unknown || !errors.As(err, &e) || e.TxID != tx.ID {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestAnAnswerAfterALostOneLeavesTheOutcomeUnknown(t *testing.T) {
	c, peers := dial(t, 2, fabric.Options{})
	tx, err := c.Endorse(t.Context(), "f")
	if err != nil {
		t.Fatal(err)
	}
	peers[0].submit = func(*gateway.SubmitRequest) error { return detailed(codes.Unavailable, "transport is closing") }
	peers[1].submit = func(*gateway.SubmitRequest) error { return detailed(codes.Unknown, "too many requests for x") }
	if err := c.Submit(t.Context(), tx); !errors.Is(err, fabric.ErrUnknownOutcome) {
		t.Errorf("%v", err)
	}
}

func TestInvalidTransactionsAreTold(t *testing.T) {
	for code, want := range map[peer.TxValidationCode]error{
		peer.TxValidationCode_MVCC_READ_CONFLICT:         fabric.ErrConflict,
		peer.TxValidationCode_PHANTOM_READ_CONFLICT:      fabric.ErrConflict,
		peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE: fabric.ErrInvalidated,
	} {
		c, peers := dial(t, 1, fabric.Options{})
		peers[0].status = func(context.Context, string) (*gateway.CommitStatusResponse, error) {
			return &gateway.CommitStatusResponse{Result: code, BlockNumber: 3}, nil
		}
		st, err := c.Commit(t.Context(), "tx")
		if err != nil || !errors.Is(st.Err(), want) || st.Block != 3 {
			t.Errorf("%s: %+v, %v", code, st, err)
		}
	}
}

func TestEveryCallHasALimit(t *testing.T) {
	limit := 200 * time.Millisecond
	c, peers := dial(t, 1, fabric.Options{Evaluate: limit, Endorse: limit, Submit: limit, Commit: limit, Resolve: limit})
	tx, err := c.Endorse(t.Context(), "f")
	for tries := 0; err != nil && tries < 50; tries++ { // until connected
		tx, err = c.Endorse(t.Context(), "f")
	}
	if err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	defer close(gone)
	peers[0].endorse = func(*gateway.EndorseRequest) error { <-gone; return nil }
	peers[0].submit = func(*gateway.SubmitRequest) error { <-gone; return nil }
	peers[0].evaluate = func(context.Context) ([]byte, error) { <-gone; return nil, nil }
	peers[0].status = func(context.Context, string) (*gateway.CommitStatusResponse, error) { <-gone; return nil, nil }
	for name, call := range map[string]struct {
		do func() error
		is error
	}{
		"evaluate": {func() error { _, err := c.Evaluate(t.Context(), "f"); return err }, fabric.ErrDeadline},
		"endorse":  {func() error { _, err := c.Endorse(t.Context(), "f"); return err }, fabric.ErrDeadline},
		"submit":   {func() error { return c.Submit(t.Context(), tx) }, fabric.ErrUnknownOutcome},
		"commit":   {func() error { _, err := c.Commit(t.Context(), tx.ID); return err }, fabric.ErrUnknownOutcome},
		"resolve":  {func() error { _, err := c.Resolve(t.Context(), tx.ID); return err }, fabric.ErrNotFound},
	} {
		began := time.Now()
		if err := call.do(); !errors.Is(err, call.is) || time.Since(began) > 5*time.Second {
			t.Errorf("%s: %v after %v", name, err, time.Since(began))
		}
	}
}

func TestAPeerThatIsDownIsPassedOver(t *testing.T) {
	c, peers := dial(t, 2, fabric.Options{})
	peers[0].stop()
	for range 3 {
		if out, err := c.Evaluate(t.Context(), "f"); err != nil || string(out) != "value" {
			t.Fatalf("%q, %v", out, err)
		}
	}
	tx, err := c.Endorse(t.Context(), "f")
	if err == nil {
		err = c.Submit(t.Context(), tx)
	}
	if err == nil {
		_, err = c.Commit(t.Context(), tx.ID)
	}
	if err != nil {
		t.Error(err)
	}
	peers[1].stop()
	if _, err := c.Evaluate(t.Context(), "f"); !errors.Is(err, fabric.ErrUnavailable) {
		t.Errorf("with no peer left: %v", err)
	}
	if _, err := c.Resolve(t.Context(), "tx"); !errors.Is(err, fabric.ErrUnavailable) || errors.Is(err, fabric.ErrNotFound) {
		t.Errorf("resolving with no peer left: %v", err)
	}
}

func TestARefusalIsNotAskedOfTheNextPeer(t *testing.T) {
	c, peers := dial(t, 2, fabric.Options{})
	peers[0].evaluate = func(context.Context) ([]byte, error) {
		return nil, detailed(codes.Unknown, "evaluate call to endorser returned error: chaincode response 500, WB_NOT_FOUND: no such item")
	}
	_, err := c.Evaluate(t.Context(), "f")
	var e *fabric.Error
	if !errors.Is(err, fabric.ErrRefused) || !errors.As(err, &e) || e.Code != "WB_NOT_FOUND" || peers[1].called("evaluate") != 0 {
		t.Errorf("%v", err)
	}
}

func TestACallersEndIsTheCallsEnd(t *testing.T) {
	c, peers := dial(t, 1, fabric.Options{})
	gone := make(chan struct{})
	defer close(gone)
	peers[0].evaluate = func(context.Context) ([]byte, error) { <-gone; return nil, nil }
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.Evaluate(ctx, "f"); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, fabric.ErrDeadline) {
		t.Errorf("%v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := c.Evaluate(ctx, "f"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := c.Evaluate(t.Context(), "f"); !errors.Is(err, fabric.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestAStreamOfBlocksEndsWithItsReason(t *testing.T) {
	for name, c := range map[string]struct {
		last func(s peer.Deliver_DeliverServer) error
		is   error
	}{
		"the connection goes":       {func(peer.Deliver_DeliverServer) error { return nil }, fabric.ErrUnavailable},
		"the peer reports an end":   {func(s peer.Deliver_DeliverServer) error { return s.Send(ending(common.Status_SUCCESS)) }, fabric.ErrUnavailable},
		"the peer is unwell":        {func(s peer.Deliver_DeliverServer) error { return s.Send(ending(common.Status_SERVICE_UNAVAILABLE)) }, fabric.ErrUnavailable},
		"the peer denies":           {func(s peer.Deliver_DeliverServer) error { return s.Send(ending(common.Status_FORBIDDEN)) }, fabric.ErrDenied},
		"the channel is not there":  {func(s peer.Deliver_DeliverServer) error { return s.Send(ending(common.Status_NOT_FOUND)) }, fabric.ErrNotFound},
		"the peer's stream limit":   {func(peer.Deliver_DeliverServer) error { return errors.New("too many requests for /protos.Deliver") }, fabric.ErrTooMany},
		"something else, as a rule": {func(peer.Deliver_DeliverServer) error { return io.ErrClosedPipe }, fabric.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			cl, peers := dial(t, 1, fabric.Options{ClientCert: "id"})
			peers[0].deliver = func(seek *orderer.SeekInfo, header *common.ChannelHeader, s peer.Deliver_DeliverServer) error {
				if header.GetChannelId() != "waybill" || len(header.GetTlsCertHash()) != sha256.Size {
					return errors.New("wrong header")
				}
				for n := seek.GetStart().GetSpecified().GetNumber(); n < 8; n++ {
					if err := s.Send(block(n)); err != nil {
						return err
					}
				}
				return c.last(s)
			}
			next := uint64(5)
			var reason error
			for b, err := range cl.Sources()[0].Blocks(t.Context(), 5) {
				if err != nil {
					reason = err
					continue
				}
				if b.GetHeader().GetNumber() != next {
					t.Errorf("block %d", b.GetHeader().GetNumber())
				}
				next++
			}
			if !errors.Is(reason, c.is) || next != 8 {
				t.Errorf("after block %d: %v", next-1, reason)
			}
		})
	}
}

func TestSingleBlocksAreFetched(t *testing.T) {
	c, peers := dial(t, 1, fabric.Options{})
	peers[0].deliver = func(seek *orderer.SeekInfo, _ *common.ChannelHeader, s peer.Deliver_DeliverServer) error {
		if seek.GetBehavior() != orderer.SeekInfo_FAIL_IF_NOT_READY || !proto.Equal(seek.GetStart(), seek.GetStop()) {
			return errors.New("would wait")
		}
		n := uint64(9)
		if at := seek.GetStart().GetSpecified(); at != nil {
			n = at.GetNumber()
		}
		if n > 9 {
			return s.Send(ending(common.Status_NOT_FOUND))
		}
		return s.Send(block(n))
	}
	src := c.Sources()[0]
	if b, err := src.Newest(t.Context()); err != nil || b.GetHeader().GetNumber() != 9 {
		t.Errorf("%v, %v", b, err)
	}
	if b, err := src.Block(t.Context(), 4); err != nil || b.GetHeader().GetNumber() != 4 {
		t.Errorf("%v, %v", b, err)
	}
	if _, err := src.Block(t.Context(), 10); !errors.Is(err, fabric.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

func TestDialNamesWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	cert, key := pair(t, dir, "id")
	for name, c := range map[string]struct {
		change func(p *profile.Profile)
		says   string
	}{
		"no such identity":  {func(p *profile.Profile) { delete(p.Identities, "service") }, "service"},
		"no certificate":    {func(p *profile.Profile) { p.Identities["service"] = profile.Identity{Cert: dir + "/x", Key: key} }, "certificate of identity service"},
		"no key":            {func(p *profile.Profile) { p.Identities["service"] = profile.Identity{Cert: cert, Key: dir + "/x"} }, "key of identity service"},
		"no TLS root":       {func(p *profile.Profile) { p.GatewayPeers[0].TLSRootCert = dir + "/x" }, "TLS root of peer peer0"},
		"a key for a root":  {func(p *profile.Profile) { p.GatewayPeers[0].TLSRootCert = key }, "TLS root of peer peer0"},
		"a cert for a key":  {func(p *profile.Profile) { p.Identities["service"] = profile.Identity{Cert: cert, Key: cert} }, "key of identity service"},
		"a key for a paper": {func(p *profile.Profile) { p.Identities["service"] = profile.Identity{Cert: key, Key: key} }, "certificate of identity service"},
	} {
		p := &profile.Profile{
			MSPID: "ProducerMSP", Channel: "waybill", Chaincode: "waybill",
			Identities:   map[string]profile.Identity{"service": {Cert: cert, Key: key}},
			GatewayPeers: []profile.Peer{{Name: "peer0", Address: "127.0.0.1:1", TLSRootCert: cert}},
		}
		c.change(p)
		if _, err := fabric.Dial(p, "service", fabric.Options{}); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
