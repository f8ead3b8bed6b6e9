// Package profile owns the connection profile: the one file that tells a client
// of an organisation how to reach a Fabric network, whom to trust in it, and
// which identities the organisation has there. `waybill network up` writes one
// profile an organisation; for a network that others run, an operator writes it
// by hand. It holds paths and addresses, never key material.
//
// It imports the standard library and a YAML decoder only, and nothing of Waybill.
package profile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/waybill-dev/waybill/internal/statedfile"
)

// Version is the format of the file that this package reads and writes.
const Version = 1

// maxFileBytes bounds what Load reads: a profile of a hundred peers is some 50 kB.
const maxFileBytes = 4 << 20

var (
	// ErrInvalid says that a profile does not hold what it must; the text names the field.
	ErrInvalid = errors.New("WB_PROFILE_INVALID")
	// ErrNotFound says that the profile, or a file that it names, does not exist.
	ErrNotFound = errors.New("WB_PROFILE_NOT_FOUND")
)

// Consensus is how the orderers agree; it decides how many signatures make a block valid.
type Consensus string

// The consensus types of Fabric 3.
const (
	// Raft tolerates crashed orderers; one orderer's signature makes a block valid.
	Raft Consensus = "raft"
	// BFT tolerates lying orderers; a block needs the signatures of a quorum of consenters.
	BFT Consensus = "bft"
)

// Names of the identities that `waybill network up` makes in every organisation.
const (
	IdentityAdmin     = "admin"
	IdentityService   = "service"
	IdentityCompany   = "company"
	IdentityGateway   = "gateway"
	IdentityDashboard = "dashboard"
	IdentityScorer    = "scorer"
	IdentityRegistrar = "registrar"
	IdentityHolder    = "holder"
	IdentityModeller  = "modeller"
	IdentitySteward   = "steward"
)

// Profile is one organisation's view of a network. After Load all paths are
// absolute; in the file they may be relative to the file's own folder.
type Profile struct {
	// Version is the format of the file, 1.
	Version int `yaml:"version" json:"version"`
	// Name is the network's name, for people.
	Name string `yaml:"name" json:"name"`
	// Channel and Chaincode say where Waybill's contracts live.
	Channel   string `yaml:"channel" json:"channel"`
	Chaincode string `yaml:"chaincode" json:"chaincode"`
	// Consensus is raft or bft.
	Consensus Consensus `yaml:"consensus" json:"consensus"`
	// Organisation is the short name (producer), MSPID its identity in Fabric (ProducerMSP).
	Organisation string `yaml:"organisation" json:"organisation"`
	MSPID        string `yaml:"mspId" json:"mspId"`
	// GatewayPeers are the peers this organisation's clients talk to, first choice
	// first: its own peers, or those of others if it has none.
	GatewayPeers []Peer `yaml:"gatewayPeers" json:"gatewayPeers"`
	// Peers are all peers of the channel by MSP ID, this organisation's among them.
	Peers map[string][]Peer `yaml:"peers" json:"peers"`
	// Orderers are all ordering nodes of the channel.
	Orderers []Orderer `yaml:"orderers" json:"orderers"`
	// OrdererMSPIDs are the organisations whose signature may stand on a block.
	OrdererMSPIDs []string `yaml:"ordererMspIds" json:"ordererMspIds"`
	// TrustRoots are files of root CA certificates (PEM) by MSP ID, of every
	// organisation of the channel and of the orderers' organisations.
	TrustRoots map[string][]string `yaml:"trustRoots" json:"trustRoots"`
	// GenesisBlock is the file of the channel's first block, if known: with it a
	// client can check the chain from its beginning.
	GenesisBlock string `yaml:"genesisBlock,omitempty" json:"genesisBlock,omitempty"`
	// Identities are this organisation's identities by name.
	Identities map[string]Identity `yaml:"identities" json:"identities"`
	// API is where this organisation's Waybill API server listens and what it serves with.
	API API `yaml:"api,omitempty" json:"api,omitzero"`
}

// Peer is the endpoint of one peer.
type Peer struct {
	Name string `yaml:"name" json:"name"`
	// Address is host:port.
	Address string `yaml:"address" json:"address"`
	// TLSRootCert is the file of the CA certificate (PEM) that the peer's TLS certificate chains to.
	TLSRootCert string `yaml:"tlsRootCert" json:"tlsRootCert"`
	// ServerName overrides the host name checked in the TLS certificate; empty: the address's host.
	ServerName string `yaml:"serverName,omitempty" json:"serverName,omitempty"`
}

// Orderer is one ordering node.
type Orderer struct {
	Name    string `yaml:"name" json:"name"`
	Address string `yaml:"address" json:"address"`
	MSPID   string `yaml:"mspId" json:"mspId"`
	// TLSRootCert is the file of the CA certificate that the orderer's TLS certificate chains to.
	TLSRootCert string `yaml:"tlsRootCert" json:"tlsRootCert"`
	ServerName  string `yaml:"serverName,omitempty" json:"serverName,omitempty"`
	// ConsenterID numbers the node among the consenters (BFT signs blocks by it); 0 if unknown.
	ConsenterID uint32 `yaml:"consenterId,omitempty" json:"consenterId,omitempty"`
	// IdentityCert is the file of the certificate that the node signs blocks with, if known.
	IdentityCert string `yaml:"identityCert,omitempty" json:"identityCert,omitempty"`
}

// Identity is a certificate with its private key. The pair also serves as a TLS
// client certificate towards the organisation's Waybill API server.
type Identity struct {
	Cert string `yaml:"cert" json:"cert"`
	Key  string `yaml:"key" json:"key"`
}

// API describes the organisation's Waybill API server, for the server itself and for its clients.
type API struct {
	// Address is the host:port of the gRPC API.
	Address string `yaml:"address,omitempty" json:"address,omitempty"`
	// RESTAddress is the host:port of the EPCIS REST binding, over HTTPS with the same certificates.
	RESTAddress string `yaml:"restAddress,omitempty" json:"restAddress,omitempty"`
	// MetricsAddress is the host:port of the metrics and health endpoint.
	MetricsAddress string `yaml:"metricsAddress,omitempty" json:"metricsAddress,omitempty"`
	// ServerCert and ServerKey are the server's TLS certificate and key files.
	ServerCert string `yaml:"serverCert,omitempty" json:"serverCert,omitempty"`
	ServerKey  string `yaml:"serverKey,omitempty" json:"serverKey,omitempty"`
	// ClientCAs are files of the CAs whose client certificates the server accepts.
	ClientCAs []string `yaml:"clientCAs,omitempty" json:"clientCAs,omitempty"`
	// RootCA is the file of the CA that a client checks the server's certificate against.
	RootCA string `yaml:"rootCA,omitempty" json:"rootCA,omitempty"`
}

// Load reads the profile at path (YAML or JSON), makes its paths absolute and validates it.
// It fails with ErrNotFound or ErrInvalid.
func Load(path string) (*Profile, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w: no connection profile at %s", ErrNotFound, path)
		}
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	defer f.Close() //nolint:errcheck // read only, nothing to lose
	raw, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("%w: reading %s: %w", ErrInvalid, path, err)
	}
	if len(raw) > maxFileBytes {
		return nil, fmt.Errorf("%w: %s is larger than %d bytes", ErrInvalid, path, maxFileBytes)
	}
	p, err := parse(path+": ", raw)
	if err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	p.eachPath(func(file string) string {
		if file == "" || filepath.IsAbs(file) {
			return file
		}
		return filepath.Join(filepath.Dir(abs), file)
	})
	if missing := p.missingFiles(); len(missing) > 0 {
		return nil, fmt.Errorf("%w: %s names files that are not there: %s", ErrNotFound, path, strings.Join(missing, ", "))
	}
	return p, nil
}

// Parse decodes and validates a profile and leaves its paths as they are. Unknown fields are refused.
func Parse(raw []byte) (*Profile, error) { return parse("", raw) }

// parse has every error name where the profile comes from, after the code.
func parse(from string, raw []byte) (*Profile, error) {
	var p Profile
	if err := statedfile.Struct(raw, &p); err != nil {
		return nil, fmt.Errorf("%w: %s%w", ErrInvalid, from, err)
	}
	if faults := p.faults(); len(faults) > 0 {
		return nil, fmt.Errorf("%w: %s%s", ErrInvalid, from, strings.Join(faults, "; "))
	}
	return &p, nil
}

// Save validates the profile and writes it to path as YAML, paths below or
// beside the file's folder made relative to it, so that the tree may be moved.
func (p *Profile) Save(path string) error {
	if err := p.Validate(); err != nil {
		return err
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	c := p.Clone()
	c.eachPath(func(file string) string {
		if !filepath.IsAbs(file) {
			return file
		}
		if rel, relErr := filepath.Rel(filepath.Dir(abs), file); relErr == nil {
			return filepath.ToSlash(rel)
		}
		return file
	})
	raw, err := yaml.Marshal(c)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(abs), ".tmp-*") // readable by its owner only
	if err != nil {
		return err
	}
	_, err = tmp.Write(raw)
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), abs)
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
	}
	return err
}

// Clone returns a deep copy.
func (p *Profile) Clone() *Profile {
	c := *p
	c.GatewayPeers = slices.Clone(p.GatewayPeers)
	c.Peers = maps.Clone(p.Peers)
	for k, v := range c.Peers {
		c.Peers[k] = slices.Clone(v)
	}
	c.Orderers = slices.Clone(p.Orderers)
	c.OrdererMSPIDs = slices.Clone(p.OrdererMSPIDs)
	c.TrustRoots = maps.Clone(p.TrustRoots)
	for k, v := range c.TrustRoots {
		c.TrustRoots[k] = slices.Clone(v)
	}
	c.Identities = maps.Clone(p.Identities)
	c.API.ClientCAs = slices.Clone(p.API.ClientCAs)
	return &c
}

// Identity returns the identity of that name, or ErrInvalid naming those there are.
func (p *Profile) Identity(name string) (Identity, error) {
	id, ok := p.Identities[name]
	if !ok {
		return Identity{}, fmt.Errorf("%w: %s has no identity %q (it has %s)", ErrInvalid, p.Organisation, name,
			strings.Join(slices.Sorted(maps.Keys(p.Identities)), ", "))
	}
	return id, nil
}

// Validate checks that the profile holds what a client needs; it touches no file.
// All faults are reported together, each by the path of its field.
func (p *Profile) Validate() error {
	if faults := p.faults(); len(faults) > 0 {
		return fmt.Errorf("%w: %s", ErrInvalid, strings.Join(faults, "; "))
	}
	return nil
}

func (p *Profile) faults() []string {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	need := func(field, value string) {
		if value == "" {
			fault("%s is empty", field)
		}
	}
	if p.Version != Version {
		fault("version is %d, this program reads %d", p.Version, Version)
	}
	need("channel", p.Channel)
	need("chaincode", p.Chaincode)
	need("organisation", p.Organisation)
	need("mspId", p.MSPID)
	switch p.Consensus {
	case Raft, BFT:
	default:
		fault("consensus is %q, not raft or bft", p.Consensus)
	}
	if len(p.GatewayPeers) == 0 {
		fault("gatewayPeers is empty")
	}
	peer := func(field string, v Peer) {
		need(field+".name", v.Name)
		address(fault, field+".address", v.Address)
		need(field+".tlsRootCert", v.TLSRootCert)
	}
	for i, v := range p.GatewayPeers {
		peer(fmt.Sprintf("gatewayPeers[%d]", i), v)
	}
	for _, msp := range slices.Sorted(maps.Keys(p.Peers)) {
		for i, v := range p.Peers[msp] {
			peer(fmt.Sprintf("peers.%s[%d]", msp, i), v)
		}
	}
	for i, v := range p.Orderers {
		field := fmt.Sprintf("orderers[%d]", i)
		need(field+".name", v.Name)
		address(fault, field+".address", v.Address)
		need(field+".mspId", v.MSPID)
		need(field+".tlsRootCert", v.TLSRootCert)
		if p.Consensus == BFT {
			need(field+".identityCert", v.IdentityCert)
			if v.ConsenterID == 0 {
				fault("%s.consenterId is 0", field)
			}
		}
	}
	if p.Consensus == BFT && len(p.Orderers) == 0 {
		fault("orderers is empty: bft needs every consenter's certificate to verify blocks")
	}
	if len(p.OrdererMSPIDs) == 0 {
		fault("ordererMspIds is empty")
	}
	for _, msp := range append([]string{p.MSPID}, p.OrdererMSPIDs...) {
		if len(p.TrustRoots[msp]) == 0 {
			fault("trustRoots.%s is empty", msp)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Identities)) {
		need("identities."+name+".cert", p.Identities[name].Cert)
		need("identities."+name+".key", p.Identities[name].Key)
	}
	if p.API.Address != "" {
		address(fault, "api.address", p.API.Address)
	}
	if p.API.RESTAddress != "" {
		address(fault, "api.restAddress", p.API.RESTAddress)
	}
	if p.API.MetricsAddress != "" {
		address(fault, "api.metricsAddress", p.API.MetricsAddress)
	}
	return faults
}

func address(fault func(string, ...any), field, value string) {
	host, port, err := net.SplitHostPort(value)
	if n, portErr := strconv.ParseUint(port, 10, 16); err != nil || host == "" || portErr != nil || n == 0 {
		fault("%s is %q, not host:port", field, value)
	}
}

// missingFiles leaves credentials out: a client may hold a profile whose other credentials it cannot read.
func (p *Profile) missingFiles() []string {
	others := map[string]bool{p.API.ServerKey: true, p.API.ServerCert: true, "": true}
	for _, id := range p.Identities {
		others[id.Key], others[id.Cert] = true, true
	}
	var missing []string
	p.eachPath(func(file string) string {
		if others[file] {
			return file
		}
		if _, err := os.Stat(file); err != nil {
			missing = append(missing, file)
		}
		return file
	})
	slices.Sort(missing)
	return slices.Compact(missing)
}

func (p *Profile) eachPath(f func(string) string) {
	for i := range p.GatewayPeers {
		p.GatewayPeers[i].TLSRootCert = f(p.GatewayPeers[i].TLSRootCert)
	}
	for _, peers := range p.Peers {
		for i := range peers {
			peers[i].TLSRootCert = f(peers[i].TLSRootCert)
		}
	}
	for i := range p.Orderers {
		p.Orderers[i].TLSRootCert = f(p.Orderers[i].TLSRootCert)
		p.Orderers[i].IdentityCert = f(p.Orderers[i].IdentityCert)
	}
	for _, files := range p.TrustRoots {
		for i := range files {
			files[i] = f(files[i])
		}
	}
	p.GenesisBlock = f(p.GenesisBlock)
	for name, id := range p.Identities {
		p.Identities[name] = Identity{Cert: f(id.Cert), Key: f(id.Key)}
	}
	p.API.ServerCert = f(p.API.ServerCert)
	p.API.ServerKey = f(p.API.ServerKey)
	p.API.RootCA = f(p.API.RootCA)
	for i := range p.API.ClientCAs {
		p.API.ClientCAs[i] = f(p.API.ClientCAs[i])
	}
}
