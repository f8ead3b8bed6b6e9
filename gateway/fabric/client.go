package fabric

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	gwproto "github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/protobuf/proto"

	"github.com/waybill-dev/waybill/gateway/profile"
)

const (
	// maxMessage is Fabric's own limit on a gRPC message, 100 MiB.
	maxMessage = 100 << 20
	// keepaliveEvery stays well above the 60 s below which a peer drops a client for pinging.
	keepaliveEvery   = 2 * time.Minute
	keepaliveTimeout = 20 * time.Second
	dialTimeout      = 5 * time.Second
)

const (
	opEvaluate = "evaluate"
	opEndorse  = "endorse"
	opSubmit   = "submit"
	opStatus   = "commit status"
	opDeliver  = "deliver"
)

// Options are the limits of a client; the zero value gives the defaults.
type Options struct {
	Evaluate time.Duration // limit of one query, default 15 s
	Endorse  time.Duration // limit of one endorsement, default 30 s
	Submit   time.Duration // limit of handing a transaction to the orderers, default 15 s
	Commit   time.Duration // limit of waiting for a commit, default 10 s
	Resolve  time.Duration // limit of asking one peer for an earlier transaction, default 1 s

	// OwnPeersOnly keeps to the profile's gateway peers; otherwise the channel's other peers serve when those are down.
	OwnPeersOnly bool
	// ClientCert and ClientKey are files of a TLS client certificate, for peers that demand one.
	ClientCert, ClientKey string
}

func (o Options) withDefaults() Options {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&o.Evaluate, 15*time.Second)
	def(&o.Endorse, 30*time.Second)
	def(&o.Submit, 15*time.Second)
	def(&o.Commit, 10*time.Second)
	def(&o.Resolve, time.Second)
	return o
}

// Client is one identity's connection to a channel and its chaincode. It is safe for concurrent use.
type Client struct {
	channel, chaincode string
	limits             Options
	creator            []byte // serialised identity
	sign               identity.Sign
	peers              []*node

	mu     sync.Mutex
	closed bool
}

// node is one peer of the network, with its health.
type node struct {
	name, mspID string
	conn        *grpc.ClientConn
	gateway     *client.Gateway
	contract    *client.Contract
	tlsHash     []byte

	// guarded by Client.mu
	failures int
	downTill time.Time
}

// Dial makes a client of p's channel with the identity of that name. It opens no connection yet:
// a network that is down shows itself at the first call, as ErrUnavailable.
func Dial(p *profile.Profile, identityName string, o Options) (*Client, error) {
	id, err := p.Identity(identityName)
	if err != nil {
		return nil, err
	}
	certPEM, err := os.ReadFile(id.Cert)
	if err != nil {
		return nil, fmt.Errorf("certificate of identity %s: %w", identityName, err)
	}
	keyPEM, err := os.ReadFile(id.Key)
	if err != nil {
		return nil, fmt.Errorf("key of identity %s: %w", identityName, err)
	}
	cert, err := identity.CertificateFromPEM(certPEM)
	if err != nil {
		return nil, fmt.Errorf("certificate of identity %s: %w", identityName, err)
	}
	x509ID, err := identity.NewX509Identity(p.MSPID, cert)
	if err != nil {
		return nil, fmt.Errorf("identity %s: %w", identityName, err)
	}
	key, err := identity.PrivateKeyFromPEM(keyPEM)
	if err != nil {
		return nil, fmt.Errorf("key of identity %s: %w", identityName, err)
	}
	sign, err := identity.NewPrivateKeySign(key)
	if err != nil {
		return nil, fmt.Errorf("key of identity %s: %w", identityName, err)
	}
	creator, err := proto.Marshal(&msp.SerializedIdentity{Mspid: x509ID.MspID(), IdBytes: x509ID.Credentials()})
	if err != nil {
		return nil, fmt.Errorf("identity %s: %w", identityName, err)
	}
	c := &Client{channel: p.Channel, chaincode: p.Chaincode, limits: o.withDefaults(), creator: creator, sign: sign}
	var clientCert *tls.Certificate
	if o.ClientCert != "" {
		pair, err := tls.LoadX509KeyPair(o.ClientCert, o.ClientKey)
		if err != nil {
			return nil, fmt.Errorf("TLS client certificate: %w", err)
		}
		clientCert = &pair
	}
	for _, v := range preference(p, o.OwnPeersOnly) {
		n, err := c.dial(v.peer, v.mspID, x509ID, clientCert)
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		c.peers = append(c.peers, n)
	}
	return c, nil
}

type candidate struct {
	peer  profile.Peer
	mspID string
}

// preference lists the peers to talk to, first choice first, each address once.
func preference(p *profile.Profile, ownOnly bool) []candidate {
	mspOf := map[string]string{}
	for mspID, peers := range p.Peers {
		for _, v := range peers {
			mspOf[v.Address] = mspID
		}
	}
	var out []candidate
	seen := map[string]bool{}
	add := func(v profile.Peer) {
		if !seen[v.Address] {
			seen[v.Address] = true
			out = append(out, candidate{v, mspOf[v.Address]})
		}
	}
	for _, v := range p.GatewayPeers {
		add(v)
	}
	if ownOnly {
		return out
	}
	for _, v := range p.Peers[p.MSPID] {
		add(v)
	}
	for _, mspID := range slices.Sorted(maps.Keys(p.Peers)) {
		for _, v := range p.Peers[mspID] {
			add(v)
		}
	}
	return out
}

func (c *Client) dial(v profile.Peer, mspID string, id identity.Identity, cert *tls.Certificate) (*node, error) {
	rootPEM, err := os.ReadFile(v.TLSRootCert)
	if err != nil {
		return nil, fmt.Errorf("TLS root of peer %s: %w", v.Name, err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(rootPEM) {
		return nil, fmt.Errorf("TLS root of peer %s: no certificate in %s", v.Name, v.TLSRootCert)
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, ServerName: v.ServerName}
	n := &node{name: v.Name, mspID: mspID}
	if cert != nil {
		cfg.Certificates = []tls.Certificate{*cert}
		sum := sha256.Sum256(cert.Certificate[0])
		n.tlsHash = sum[:]
	}
	n.conn, err = grpc.NewClient("passthrough:///"+v.Address,
		grpc.WithTransportCredentials(credentials.NewTLS(cfg)),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: keepaliveEvery, Timeout: keepaliveTimeout}),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: reconnectBackoff(), MinConnectTimeout: dialTimeout}),
	)
	if err != nil {
		return nil, fmt.Errorf("peer %s: %w", v.Name, err)
	}
	opts := []client.ConnectOption{
		client.WithSign(c.sign), client.WithHash(hash.SHA256), client.WithClientConnection(n.conn),
		client.WithEvaluateTimeout(c.limits.Evaluate), client.WithEndorseTimeout(c.limits.Endorse),
		client.WithSubmitTimeout(c.limits.Submit), client.WithCommitStatusTimeout(c.limits.Commit),
	}
	if n.tlsHash != nil {
		opts = append(opts, client.WithTLSClientCertificateHash(n.tlsHash))
	}
	n.gateway, err = client.Connect(id, opts...)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("peer %s: %w", v.Name, err), n.conn.Close())
	}
	n.contract = n.gateway.GetNetwork(c.channel).GetContract(c.chaincode)
	return n, nil
}

// Channel is the channel's name.
func (c *Client) Channel() string { return c.channel }

// Chaincode is the chaincode's name.
func (c *Client) Chaincode() string { return c.chaincode }

// Close ends all calls and streams and closes the connections.
func (c *Client) Close() error {
	c.mu.Lock()
	already := c.closed
	c.closed = true
	c.mu.Unlock()
	if already {
		return nil
	}
	var errs []error
	for _, n := range c.peers {
		errs = append(errs, n.gateway.Close(), n.conn.Close())
	}
	return errors.Join(errs...)
}

// Endorsed is a transaction that enough peers have endorsed and nobody has ordered yet.
type Endorsed struct {
	// ID is the transaction's.
	ID string
	// Result is what the chaincode returned.
	Result []byte

	prepared []byte // serialised and unsigned
}

// Status is what became of an ordered transaction.
type Status struct {
	// TxID is the transaction's.
	TxID string
	// Block is the number of the block that holds it.
	Block uint64
	// Code is the peers' judgement.
	Code peer.TxValidationCode
}

// Err is nil for a valid transaction, ErrConflict or ErrInvalidated otherwise.
func (s Status) Err() error {
	e := &Error{Op: opStatus, TxID: s.TxID, Validation: s.Code, Cause: fmt.Errorf("validation code %s in block %d", s.Code, s.Block)}
	switch s.Code {
	case peer.TxValidationCode_VALID:
		return nil
	case peer.TxValidationCode_MVCC_READ_CONFLICT, peer.TxValidationCode_PHANTOM_READ_CONFLICT:
		e.Kind = ErrConflict
	default:
		e.Kind = ErrInvalidated
	}
	return e
}

// Evaluate runs a query on one peer and returns the chaincode's result. It changes nothing.
func (c *Client) Evaluate(ctx context.Context, function string, arguments ...[]byte) ([]byte, error) {
	return each(ctx, c, opEvaluate, c.limits.Evaluate, func(ctx context.Context, n *node) ([]byte, string, error) {
		proposal, err := n.contract.NewProposal(function, client.WithBytesArguments(arguments...))
		if err != nil {
			return nil, "", err
		}
		out, err := proposal.EvaluateWithContext(ctx)
		return out, "", err
	})
}

// Endorse has the transaction simulated and endorsed according to the channel's policy. Nothing is
// recorded until it is submitted.
func (c *Client) Endorse(ctx context.Context, function string, arguments ...[]byte) (*Endorsed, error) {
	return each(ctx, c, opEndorse, c.limits.Endorse, func(ctx context.Context, n *node) (*Endorsed, string, error) {
		proposal, err := n.contract.NewProposal(function, client.WithBytesArguments(arguments...))
		if err != nil {
			return nil, "", err
		}
		id := proposal.TransactionID()
		tx, err := proposal.EndorseWithContext(ctx)
		if err != nil {
			return nil, id, err
		}
		prepared, err := tx.Bytes()
		if err != nil {
			return nil, id, err
		}
		return &Endorsed{ID: id, Result: tx.Result(), prepared: prepared}, id, nil
	})
}

// Submit hands the transaction to the orderers and does not wait for its commit. It may be repeated:
// of the copies of one transaction the peers commit one. ErrUnknownOutcome means that it may have
// been accepted; ErrTooMany, ErrTooLarge and ErrDenied that it was not.
func (c *Client) Submit(ctx context.Context, tx *Endorsed) error {
	maybeSent := false // by a peer that failed before the one that answered
	_, err := each(ctx, c, opSubmit, c.limits.Submit, func(limited context.Context, n *node) (struct{}, string, error) {
		t, err := n.gateway.NewTransaction(tx.prepared)
		if err == nil {
			_, err = t.SubmitWithContext(limited)
		}
		if err != nil && !notSent(classify(ctx, opSubmit, n.name, tx.ID, err)) {
			maybeSent = true
		}
		return struct{}{}, tx.ID, err
	})
	if e, ok := errors.AsType[*Error](err); ok && (maybeSent || !notSent(e)) {
		return e.unknown()
	}
	return err
}

// notSent holds for answers by which the orderers never took the transaction.
func notSent(e *Error) bool {
	return errors.Is(e.Kind, ErrTooMany) || errors.Is(e.Kind, ErrTooLarge) || errors.Is(e.Kind, ErrDenied) || errors.Is(e.Kind, ErrClosed)
}

// Commit waits until the transaction is committed and says what became of it. Any failure to learn
// that is ErrUnknownOutcome. An orderer that crashes may lose what it has accepted, so waiting longer
// than blocks usually take does not help; submitting the same transaction again does.
func (c *Client) Commit(ctx context.Context, txID string) (Status, error) {
	st, err := each(ctx, c, opStatus, c.limits.Commit, func(ctx context.Context, n *node) (Status, string, error) {
		return c.status(ctx, n, txID)
	})
	if e, ok := errors.AsType[*Error](err); ok {
		return Status{}, e.unknown()
	}
	return st, err
}

// Resolve asks every peer in turn, each for a short time, what became of an earlier transaction. It
// fails with ErrNotFound if a peer answered and none has it (yet): the transaction may still be on
// its way, and submitting the same one again is safe. It fails with ErrUnavailable if no peer answered.
func (c *Client) Resolve(ctx context.Context, txID string) (Status, error) {
	var last *Error
	notFound := false
	for _, n := range c.order() {
		limited, cancel := context.WithTimeout(ctx, c.limits.Resolve)
		st, _, err := c.status(limited, n, txID)
		cancel()
		if err == nil {
			c.succeeded(n)
			return st, nil
		}
		last = classify(ctx, opStatus, n.name, txID, err)
		if ctx.Err() != nil {
			return Status{}, last
		}
		switch {
		case errors.Is(last.Kind, ErrDeadline):
			notFound = true // the peer waited with us and saw no commit
		case errors.Is(last.Kind, ErrUnavailable):
			c.failed(n)
		}
	}
	if last == nil {
		return Status{}, &Error{Op: opStatus, TxID: txID, Kind: ErrClosed}
	}
	if notFound {
		last.Kind = ErrNotFound
	}
	return Status{}, last
}

func (c *Client) status(ctx context.Context, n *node, txID string) (Status, string, error) {
	request, err := proto.Marshal(&gwproto.CommitStatusRequest{ChannelId: c.channel, TransactionId: txID, Identity: c.creator})
	if err != nil {
		return Status{}, txID, err
	}
	raw, err := proto.Marshal(&gwproto.SignedCommitStatusRequest{Request: request})
	if err != nil {
		return Status{}, txID, err
	}
	commit, err := n.gateway.NewCommit(raw)
	if err != nil {
		return Status{}, txID, err
	}
	st, err := commit.StatusWithContext(ctx)
	if err != nil {
		return Status{}, txID, err
	}
	return Status{TxID: txID, Block: st.BlockNumber, Code: st.Code}, txID, nil
}
