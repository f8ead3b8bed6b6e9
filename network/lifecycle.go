package network

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hyperledger/fabric-admin-sdk/pkg/chaincode"
	"github.com/hyperledger/fabric-admin-sdk/pkg/channel"
	"github.com/hyperledger/fabric-admin-sdk/pkg/identity"
	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

const (
	// callTimeout bounds one call of the lifecycle; a failed one is tried again until the whole start times out.
	callTimeout = 20 * time.Second
	retryPause  = 100 * time.Millisecond
)

// endorserPeer is a peer with a connection and its organisation's administrator.
type endorserPeer struct {
	name  string
	org   Organisation
	conn  *grpc.ClientConn
	admin identity.SigningIdentity
}

func dialPeers(t *Topology, p paths, ports map[string]int) ([]endorserPeer, func(), error) {
	var peers []endorserPeer
	closeAll := func() {
		for _, peer := range peers {
			_ = peer.conn.Close()
		}
	}
	for _, org := range t.endorsing() {
		layout := p.org(org.Name)
		admin, err := signingIdentity(layout.user("admin"), org.MSPID)
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		pool, err := certPool(layout.tlsCACert())
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		for i := range org.Peers {
			name := peerName(org.Name, i)
			conn, err := grpc.NewClient("passthrough:///"+address(ports[name+"/listen"]),
				grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12})),
				// Calls wait for a peer that is still starting.
				grpc.WithDefaultCallOptions(grpc.WaitForReady(true), grpc.MaxCallRecvMsgSize(maxGRPCBytes), grpc.MaxCallSendMsgSize(maxGRPCBytes)),
				grpc.WithConnectParams(grpc.ConnectParams{
					Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.3, Jitter: 0.1, MaxDelay: 500 * time.Millisecond},
					MinConnectTimeout: 3 * time.Second,
				}))
			if err != nil {
				closeAll()
				return nil, nil, err
			}
			peers = append(peers, endorserPeer{name: name, org: org, conn: conn, admin: admin})
		}
	}
	return peers, closeAll, nil
}

func signingIdentity(dir, mspID string) (identity.SigningIdentity, error) {
	cert, err := identity.ReadCertificate(filepath.Join(dir, certFile))
	if err != nil {
		return nil, err
	}
	key, err := identity.ReadPrivateKey(filepath.Join(dir, keyFile))
	if err != nil {
		return nil, err
	}
	return identity.NewPrivateKeySigningIdentity(mspID, cert, key)
}

func certPool(file string) (*x509.CertPool, error) {
	raw, err := os.ReadFile(file) //nolint:gosec // below the state folder
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("%s holds no certificate", file)
	}
	return pool, nil
}

// retry calls f, each time for callTimeout at most, until it succeeds or ctx ends; its error then is f's last.
func retry(ctx context.Context, f func(context.Context) error) error {
	for {
		call, cancel := context.WithTimeout(ctx, callTimeout)
		err := f(call)
		cancel()
		if err == nil {
			return nil
		}
		timer := time.NewTimer(retryPause)
		select {
		case <-ctx.Done():
			timer.Stop()
			if cause := context.Cause(ctx); !errors.Is(cause, context.DeadlineExceeded) {
				return cause
			}
			return describe(err)
		case <-timer.C:
		}
	}
}

// describe adds what a gateway's error holds only in its details: which peer said what.
func describe(err error) error {
	st, ok := status.FromError(err)
	if !ok || len(st.Details()) == 0 {
		return err
	}
	var parts []string
	for _, d := range st.Details() {
		if m, ok := d.(interface {
			GetAddress() string
			GetMessage() string
			GetMspId() string
		}); ok {
			parts = append(parts, fmt.Sprintf("%s at %s: %s", m.GetMspId(), m.GetAddress(), m.GetMessage()))
		}
	}
	return fmt.Errorf("%w (%s)", err, strings.Join(parts, "; "))
}

// joinOrderers gives every orderer the channel's first block, as osnadmin does.
func joinOrderers(ctx context.Context, t *Topology, p paths, ports map[string]int, genesis []byte) error {
	layout := p.org(t.Orderers.Organisation)
	pool, err := certPool(layout.tlsCACert())
	if err != nil {
		return err
	}
	cert, err := tls.LoadX509KeyPair(filepath.Join(layout.osnAdmin(), certFile), filepath.Join(layout.osnAdmin(), keyFile))
	if err != nil {
		return err
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	web := &http.Client{Transport: transport}
	group, ctx := errgroup.WithContext(ctx)
	for i := range t.Orderers.Nodes {
		base := "https://" + address(ports[ordererName(i)+"/admin"]) + "/participation/v1/channels"
		group.Go(func() error {
			if err := retry(ctx, func(ctx context.Context) error { return joinOrderer(ctx, web, base, t.Channel, genesis) }); err != nil {
				return fmt.Errorf("%s joining channel %s: %w", ordererName(i), t.Channel, err)
			}
			return nil
		})
	}
	return group.Wait()
}

func joinOrderer(ctx context.Context, web *http.Client, base, channelID string, genesis []byte) error {
	if code, _, err := call(ctx, web, http.MethodGet, base+"/"+channelID, "", nil); err != nil || code == http.StatusOK {
		return err
	}
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("config-block", "config.block")
	if err == nil {
		_, err = part.Write(genesis)
	}
	if err = errors.Join(err, form.Close()); err != nil {
		return err
	}
	code, answer, err := call(ctx, web, http.MethodPost, base, form.FormDataContentType(), body.Bytes())
	if err != nil {
		return err
	}
	if code != http.StatusCreated {
		return fmt.Errorf("the orderer answered %d: %s", code, clip(answer))
	}
	return nil
}

func call(ctx context.Context, web *http.Client, method, url, contentType string, body []byte) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := web.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end below
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	return resp.StatusCode, string(answer), err
}

func joinPeers(ctx context.Context, channelID string, peers []endorserPeer, genesis []byte) error {
	var block common.Block
	if err := proto.Unmarshal(genesis, &block); err != nil {
		return err
	}
	return eachPeer(ctx, peers, func(ctx context.Context, peer endorserPeer) error {
		joined, err := channel.ListChannelOnPeer(ctx, peer.conn, peer.admin)
		if err != nil {
			return err
		}
		for _, ch := range joined {
			if ch.GetChannelId() == channelID {
				return nil
			}
		}
		return channel.JoinChannel(ctx, peer.conn, peer.admin, &block)
	}, "joining channel "+channelID)
}

func eachPeer(ctx context.Context, peers []endorserPeer, f func(context.Context, endorserPeer) error, what string) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, peer := range peers {
		group.Go(func() error {
			if err := retry(ctx, func(ctx context.Context) error { return f(ctx, peer) }); err != nil {
				return fmt.Errorf("%s %s: %w", peer.name, what, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// oneEach keeps the first peer of each organisation.
func oneEach(peers []endorserPeer) []endorserPeer {
	var out []endorserPeer
	for _, peer := range peers {
		if len(out) == 0 || out[len(out)-1].org.Name != peer.org.Name {
			out = append(out, peer)
		}
	}
	return out
}

// chaincodePackage is what one organisation installs: where its own chaincode server is and how to talk to it.
type chaincodePackage struct {
	id  string
	raw []byte
}

// packageChaincode makes an organisation's package (type ccaas). Its bytes, and so its id, depend
// on the connection and on the program's digest only: what an organisation approves is a program.
func packageChaincode(t *Topology, p paths, ports map[string]int, org Organisation, digest string) (chaincodePackage, error) {
	return packageOf(p.org(org.Name), address(ports[chaincodeName(org.Name)+"/listen"]), t.Chaincode.Name+"_"+t.Chaincode.Version, digest)
}

// packageOf makes the package of a chaincode that an organisation serves at an address.
func packageOf(layout orgLayout, serving, label, digest string) (chaincodePackage, error) {
	files := map[string]string{
		"client_key":  filepath.Join(layout.chaincodeClient(), keyFile),
		"client_cert": filepath.Join(layout.chaincodeClient(), certFile),
		"root_cert":   layout.tlsCACert(),
	}
	connection := map[string]any{
		"address": serving, "dial_timeout": "5s",
		"tls_required": true, "client_auth_required": true,
	}
	for field, file := range files {
		raw, err := os.ReadFile(file) //nolint:gosec // below the state folder
		if err != nil {
			return chaincodePackage{}, err
		}
		connection[field] = string(raw)
	}
	connectionJSON, err := json.Marshal(connection)
	if err != nil {
		return chaincodePackage{}, err
	}
	programJSON, err := json.Marshal(map[string]string{"sha256": digest})
	if err != nil {
		return chaincodePackage{}, err
	}
	code, err := archive([]file{{"connection.json", connectionJSON}, {"program.json", programJSON}})
	if err != nil {
		return chaincodePackage{}, err
	}
	metadata, err := json.Marshal(map[string]string{"type": "ccaas", "label": label})
	if err != nil {
		return chaincodePackage{}, err
	}
	raw, err := archive([]file{{"metadata.json", metadata}, {"code.tar.gz", code}})
	if err != nil {
		return chaincodePackage{}, err
	}
	id, err := chaincode.PackageID(bytes.NewReader(raw))
	if err != nil {
		return chaincodePackage{}, err
	}
	return chaincodePackage{id: id, raw: raw}, nil
}

type file struct {
	name string
	raw  []byte
}

// archive makes a tar.gz that is the same for the same files: no times, no owners.
func archive(files []file) ([]byte, error) {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	w := tar.NewWriter(zip)
	for _, f := range files {
		if err := w.WriteHeader(&tar.Header{Name: f.name, Mode: 0o600, Size: int64(len(f.raw)), Typeflag: tar.TypeReg}); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.raw); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(w.Close(), zip.Close()); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// definition is what the organisations agree on.
type definition struct {
	channel, name, version string
}

func (d definition) at(sequence int64, packageID string) *chaincode.Definition {
	return &chaincode.Definition{ChannelName: d.channel, Name: d.name, Version: d.version, Sequence: sequence, PackageID: packageID}
}

// committed answers version and sequence of the definition on the channel; sequence 0 if there is none.
func committed(ctx context.Context, peer endorserPeer, d definition) (version string, sequence int64, err error) {
	got, err := chaincode.NewGateway(peer.conn, peer.admin).QueryCommittedWithName(ctx, d.channel, d.name)
	if err != nil {
		// Fabric says this in words only.
		if strings.Contains(describe(err).Error(), "is not defined") {
			return "", 0, nil
		}
		return "", 0, err
	}
	return got.GetVersion(), got.GetSequence(), nil
}

func install(ctx context.Context, peers []endorserPeer, packages map[string]chaincodePackage) error {
	return eachPeer(ctx, peers, func(ctx context.Context, peer endorserPeer) error {
		pkg := packages[peer.org.Name]
		admin := chaincode.NewPeer(peer.conn, peer.admin)
		installed, err := admin.QueryInstalled(ctx)
		if err != nil {
			return err
		}
		for _, i := range installed.GetInstalledChaincodes() {
			if i.GetPackageId() == pkg.id {
				return nil
			}
		}
		result, err := admin.Install(ctx, bytes.NewReader(pkg.raw))
		if err != nil {
			return err
		}
		if result.GetPackageId() != pkg.id {
			return fmt.Errorf("the peer calls the package %s, not %s", result.GetPackageId(), pkg.id)
		}
		return nil
	}, "installing the chaincode")
}

// approveAndCommit brings the definition onto the channel: approved by each organisation for its own
// package, and committed with the next sequence if the channel has another version.
func approveAndCommit(ctx context.Context, peers []endorserPeer, packages map[string]chaincodePackage, d definition) error {
	orgs := oneEach(peers)
	var sequence int64
	if err := retry(ctx, func(ctx context.Context) error {
		version, current, err := committed(ctx, orgs[0], d)
		if sequence = current; version != d.version {
			sequence++
		}
		return err
	}); err != nil {
		return fmt.Errorf("asking for the chaincode's definition: %w", err)
	}
	if err := eachPeer(ctx, orgs, func(ctx context.Context, peer endorserPeer) error {
		gateway := chaincode.NewGateway(peer.conn, peer.admin)
		pkg := packages[peer.org.Name]
		approved, err := gateway.QueryApproved(ctx, d.channel, d.name, sequence)
		if err == nil && approved.GetVersion() == d.version && approved.GetSource().GetLocalPackage().GetPackageId() == pkg.id {
			return nil
		}
		return gateway.Approve(ctx, d.at(sequence, pkg.id))
	}, "approving the chaincode"); err != nil {
		return err
	}
	if err := retry(ctx, func(ctx context.Context) error {
		version, current, err := committed(ctx, orgs[0], d)
		if err != nil || (current == sequence && version == d.version) {
			return err
		}
		return chaincode.NewGateway(orgs[0].conn, orgs[0].admin).Commit(ctx, d.at(sequence, ""))
	}); err != nil {
		return fmt.Errorf("committing the chaincode: %w", err)
	}
	return nil
}

// prove submits a transaction through every peer and waits for its commit there: only then is a network up.
func prove(ctx context.Context, peers []endorserPeer, d definition) error {
	return eachPeer(ctx, peers, func(ctx context.Context, peer endorserPeer) error {
		gateway, err := client.Connect(peer.admin, client.WithSign(peer.admin.Sign), client.WithHash(hash.NONE), client.WithClientConnection(peer.conn))
		if err != nil {
			return err
		}
		defer gateway.Close() //nolint:errcheck // holds no connection of its own
		_, err = gateway.GetNetwork(d.channel).GetContract(d.name).SubmitWithContext(ctx, "org.hyperledger.fabric:GetMetadata")
		return err
	}, "endorsing and committing a transaction")
}
