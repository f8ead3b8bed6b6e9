package network

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/gateway/profile"
	"github.com/waybill-dev/waybill/internal/statedfile"
)

//go:embed topologies/*.yaml
var embedded embed.FS

const (
	topologyVersion  = 1
	maxTopologyBytes = 1 << 20
	maxNodes         = 32
	maxOrganisations = 64

	defaultBatchTimeout      = 250 * time.Millisecond
	defaultMaxMessageCount   = 500
	defaultPreferredMaxBytes = 4 << 20
	defaultAbsoluteMaxBytes  = 32 << 20
	// maxAbsoluteBytes keeps a block of one transaction well below the gRPC limits of every node (see maxGRPCBytes).
	maxAbsoluteBytes = 32 << 20
)

// Endorsement is how many of the organisations that have peers must endorse a transaction.
type Endorsement string

// The endorsement rules a topology may name.
const (
	EndorsementMajority Endorsement = "majority"
	EndorsementAll      Endorsement = "all"
	EndorsementAny      Endorsement = "any"
)

// Topology says which organisations, nodes and limits a network has.
type Topology struct {
	// Version is the format of the file, 1.
	Version int `yaml:"version"`
	// Name tells networks apart for people.
	Name string `yaml:"name"`
	// Channel is the one channel of the network.
	Channel string `yaml:"channel"`
	// Consensus is raft or bft.
	Consensus profile.Consensus `yaml:"consensus"`
	// Endorsement is the channel's default policy, over the organisations that have peers; empty: majority. The
	// chaincode's definition takes a majority of the same whatever it says.
	Endorsement Endorsement `yaml:"endorsement"`
	// Chaincode names what is deployed.
	Chaincode Chaincode `yaml:"chaincode"`
	// Orderers are the ordering organisation, its nodes and how they cut blocks.
	Orderers Orderers `yaml:"orderers"`
	// Organisations are the members of the channel.
	Organisations []Organisation `yaml:"organisations"`
	// Ports fixes ports by endpoint, such as "peer0.producer/listen": 7051. What is
	// absent or 0 gets a free port, kept in the state folder from then on.
	Ports map[string]int `yaml:"ports,omitempty"`
}

// Chaincode names the chaincode and its version for people; the digest of the program is added to it on chain.
type Chaincode struct {
	Name    string `yaml:"name"`
	Version string `yaml:"version"`
}

// Orderers describes the ordering organisation.
type Orderers struct {
	Organisation string `yaml:"organisation"`
	MSPID        string `yaml:"mspId"`
	// Nodes is 1 or more for raft, 4 or more for bft (3f+1 bear f liars).
	Nodes int `yaml:"nodes"`
	// BatchTimeout is how long a block waits for its first transaction's companions; 0: 250 ms.
	BatchTimeout time.Duration `yaml:"batchTimeout,omitempty"`
	// MaxMessageCount bounds the transactions of a block; 0: 500.
	MaxMessageCount uint32 `yaml:"maxMessageCount,omitempty"`
	// PreferredMaxBytes cuts a block early; 0: 4 MiB. AbsoluteMaxBytes bounds one transaction; 0: 32 MiB, the most allowed.
	PreferredMaxBytes uint32 `yaml:"preferredMaxBytes,omitempty"`
	AbsoluteMaxBytes  uint32 `yaml:"absoluteMaxBytes,omitempty"`
}

// Organisation is a member of the channel.
type Organisation struct {
	Name  string `yaml:"name"`
	MSPID string `yaml:"mspId"`
	// Peers may be 0: a member with clients only, which talks to the peers of others and endorses nothing.
	Peers int `yaml:"peers"`
	// Identities are made besides admin; absent: DefaultIdentities.
	Identities []IdentitySpec `yaml:"identities,omitempty"`
}

// IdentitySpec asks for a client identity with roles, as in attribute waybill.role.
type IdentitySpec struct {
	Name  string   `yaml:"name"`
	Roles []string `yaml:"roles"`
}

// Roles lists the roles that an identity may hold; package ledger says what each allows.
func Roles() []string {
	return []string{"recorder", "gateway", "scorer", "registrar", "reader", "anchor", "holder", "modeller", "steward"}
}

// DefaultIdentities are the client identities of an organisation that names none.
func DefaultIdentities() []IdentitySpec {
	return []IdentitySpec{
		{Name: profile.IdentityService, Roles: []string{"recorder", "gateway", "scorer", "registrar", "anchor", "holder", "modeller", "steward"}},
		{Name: profile.IdentityCompany, Roles: []string{"recorder"}},
		{Name: profile.IdentityGateway, Roles: []string{"gateway"}},
		{Name: profile.IdentityDashboard, Roles: []string{"reader"}},
		{Name: profile.IdentityScorer, Roles: []string{"scorer"}},
		{Name: profile.IdentityRegistrar, Roles: []string{"registrar"}},
		{Name: profile.IdentityHolder, Roles: []string{"holder"}},
		{Name: profile.IdentityModeller, Roles: []string{"modeller"}},
		{Name: profile.IdentitySteward, Roles: []string{"steward"}},
	}
}

// TopologyNames lists the topologies that come with the program.
func TopologyNames() []string { return []string{"default", "bft"} }

// TopologySource is the text of an embedded topology.
func TopologySource(name string) ([]byte, error) {
	raw, err := embedded.ReadFile("topologies/" + name + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("%w: no topology %q; there are %s", ErrTopology, name, strings.Join(TopologyNames(), ", "))
	}
	return raw, nil
}

// LoadTopology returns the embedded topology of that name (default, bft), or the one in the file of that path.
func LoadTopology(nameOrPath string) (*Topology, error) {
	raw, err := embedded.ReadFile("topologies/" + nameOrPath + ".yaml")
	if err == nil {
		return ParseTopology(raw)
	}
	f, err := os.Open(nameOrPath) //nolint:gosec // the operator names the file
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %q is neither a file nor one of %s", ErrTopology, nameOrPath, strings.Join(TopologyNames(), ", "))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTopology, err)
	}
	defer f.Close() //nolint:errcheck // read only
	raw, err = io.ReadAll(io.LimitReader(f, maxTopologyBytes+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTopology, err)
	}
	return parseTopology(nameOrPath+": ", raw)
}

// ParseTopology decodes a topology, fills its defaults in and validates it. Unknown fields are refused.
func ParseTopology(raw []byte) (*Topology, error) { return parseTopology("", raw) }

// parseTopology has every error name where the topology comes from, after the code.
func parseTopology(from string, raw []byte) (*Topology, error) {
	if len(raw) > maxTopologyBytes {
		return nil, fmt.Errorf("%w: %slarger than %d bytes", ErrTopology, from, maxTopologyBytes)
	}
	var t Topology
	if err := statedfile.Struct(raw, &t); err != nil {
		return nil, fmt.Errorf("%w: %s%w", ErrTopology, from, err)
	}
	t.fillDefaults()
	if faults := t.faults(); len(faults) > 0 {
		return nil, fmt.Errorf("%w: %s%s", ErrTopology, from, strings.Join(faults, "; "))
	}
	return &t, nil
}

func (t *Topology) fillDefaults() {
	if t.Endorsement == "" {
		t.Endorsement = EndorsementMajority
	}
	o := &t.Orderers
	if o.BatchTimeout == 0 {
		o.BatchTimeout = defaultBatchTimeout
	}
	if o.MaxMessageCount == 0 {
		o.MaxMessageCount = defaultMaxMessageCount
	}
	if o.AbsoluteMaxBytes == 0 {
		o.AbsoluteMaxBytes = defaultAbsoluteMaxBytes
	}
	if o.PreferredMaxBytes == 0 {
		o.PreferredMaxBytes = min(defaultPreferredMaxBytes, o.AbsoluteMaxBytes)
	}
	for i := range t.Organisations {
		if t.Organisations[i].Identities == nil {
			t.Organisations[i].Identities = DefaultIdentities()
		}
	}
}

// clone returns a deep copy with defaults filled in.
func (t *Topology) clone() *Topology {
	c := *t
	c.Organisations = slices.Clone(t.Organisations)
	for i := range c.Organisations {
		c.Organisations[i].Identities = slices.Clone(c.Organisations[i].Identities)
	}
	c.Ports = maps.Clone(t.Ports)
	c.fillDefaults()
	return &c
}

// patternOf compiles a pattern where it is used, a few times a start: at package level it would be state.
func patternOf(expr string) func(string) bool {
	re := regexp.MustCompile(expr)
	return re.MatchString
}

// Validate reports all faults of a topology together, each by the path of its field.
func (t *Topology) Validate() error {
	if faults := t.faults(); len(faults) > 0 {
		return fmt.Errorf("%w: %s", ErrTopology, strings.Join(faults, "; "))
	}
	return nil
}

func (t *Topology) faults() []string {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	isName := patternOf(`^[a-z][a-z0-9-]{0,31}$`)
	isMSP := patternOf(`^[A-Za-z][A-Za-z0-9.-]{0,63}$`)

	if t.Version != topologyVersion {
		fault("version is %d, this program reads %d", t.Version, topologyVersion)
	}
	if !isName(t.Name) {
		fault("name %q: small letters, digits and dashes, at most 32", t.Name)
	}
	if !patternOf(`^[a-z][a-z0-9.-]{0,62}$`)(t.Channel) {
		fault("channel %q: small letters, digits, dots and dashes", t.Channel)
	}
	if !patternOf(`^[A-Za-z0-9]+([-_][A-Za-z0-9]+)*$`)(t.Chaincode.Name) {
		fault("chaincode.name %q: letters and digits, parted by - or _", t.Chaincode.Name)
	}
	if !patternOf(`^[A-Za-z0-9_.-]{1,32}$`)(t.Chaincode.Version) {
		fault("chaincode.version %q: letters, digits, and _.-, 1 to 32", t.Chaincode.Version)
	}
	switch t.Endorsement {
	case EndorsementMajority, EndorsementAll, EndorsementAny:
	default:
		fault("endorsement %q: majority, all or any", t.Endorsement)
	}
	t.validateOrderers(fault, isName, isMSP)
	t.validateOrganisations(fault, isName, isMSP)
	t.validatePorts(fault)
	return faults
}

func (t *Topology) validateOrderers(fault func(string, ...any), isName, isMSP func(string) bool) {
	o := t.Orderers
	if !isName(o.Organisation) {
		fault("orderers.organisation %q: small letters, digits and dashes", o.Organisation)
	}
	if !isMSP(o.MSPID) {
		fault("orderers.mspId %q: letters, digits, dots and dashes", o.MSPID)
	}
	least := 1
	switch t.Consensus {
	case profile.Raft:
	case profile.BFT:
		least = 4
	default:
		fault("consensus %q: raft or bft", t.Consensus)
	}
	if o.Nodes < least || o.Nodes > maxNodes {
		fault("orderers.nodes is %d: %s needs %d to %d", o.Nodes, t.Consensus, least, maxNodes)
	}
	if o.BatchTimeout < 10*time.Millisecond || o.BatchTimeout > 30*time.Second {
		fault("orderers.batchTimeout is %s: 10ms to 30s", o.BatchTimeout)
	}
	if o.MaxMessageCount < 1 || o.MaxMessageCount > 10000 {
		fault("orderers.maxMessageCount is %d: 1 to 10000", o.MaxMessageCount)
	}
	if o.AbsoluteMaxBytes < 64<<10 || o.AbsoluteMaxBytes > maxAbsoluteBytes {
		fault("orderers.absoluteMaxBytes is %d: %d to %d", o.AbsoluteMaxBytes, 64<<10, maxAbsoluteBytes)
	}
	if o.PreferredMaxBytes > o.AbsoluteMaxBytes {
		fault("orderers.preferredMaxBytes is %d, above absoluteMaxBytes %d", o.PreferredMaxBytes, o.AbsoluteMaxBytes)
	}
}

func (t *Topology) validateOrganisations(fault func(string, ...any), isName, isMSP func(string) bool) {
	names := map[string]bool{t.Orderers.Organisation: true}
	msps := map[string]bool{t.Orderers.MSPID: true}
	if len(t.Organisations) > maxOrganisations {
		fault("organisations: %d, at most %d", len(t.Organisations), maxOrganisations)
	}
	peers := 0
	for i, org := range t.Organisations {
		at := fmt.Sprintf("organisations[%d]", i)
		if !isName(org.Name) {
			fault("%s.name %q: small letters, digits and dashes", at, org.Name)
		}
		if names[org.Name] {
			fault("%s.name %q stands twice", at, org.Name)
		}
		if !isMSP(org.MSPID) {
			fault("%s.mspId %q: letters, digits, dots and dashes", at, org.MSPID)
		}
		if msps[org.MSPID] {
			fault("%s.mspId %q stands twice", at, org.MSPID)
		}
		names[org.Name], msps[org.MSPID] = true, true
		if org.Peers < 0 || org.Peers > maxNodes {
			fault("%s.peers is %d: 0 to %d", at, org.Peers, maxNodes)
		}
		peers += org.Peers
		ids := map[string]bool{profile.IdentityAdmin: true}
		for j, id := range org.Identities {
			if !isName(id.Name) {
				fault("%s.identities[%d].name %q: small letters, digits and dashes", at, j, id.Name)
			}
			if ids[id.Name] {
				fault("%s.identities[%d].name %q stands twice", at, j, id.Name)
			}
			ids[id.Name] = true
			for _, role := range id.Roles {
				if !slices.Contains(Roles(), role) {
					fault("%s.identities[%d].roles: %q is not one of %s", at, j, role, strings.Join(Roles(), ", "))
				}
			}
		}
	}
	if peers == 0 {
		fault("organisations: none has a peer")
	}
}

func (t *Topology) validatePorts(fault func(string, ...any)) {
	known := map[string]bool{}
	for _, e := range t.endpoints() {
		known[e.key()] = true
	}
	taken := map[int]string{}
	for _, key := range slices.Sorted(maps.Keys(t.Ports)) {
		port := t.Ports[key]
		if !known[key] {
			fault("ports: no endpoint %q; there are %s", key, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
		if port < 0 || port > 65535 {
			fault("ports.%s is %d: 0 to 65535", key, port)
		}
		if port != 0 && taken[port] != "" {
			fault("ports.%s is %d, as is %s", key, port, taken[port])
		}
		taken[port] = key
	}
}

// endpoint is one listening socket of one process.
type endpoint struct {
	process string
	name    string
	// external is true where the socket belongs to a program this package does not start (the Waybill API server).
	external bool
}

func (e endpoint) key() string { return e.process + "/" + e.name }

// endpoints lists every socket of the network, in a stable order.
func (t *Topology) endpoints() []endpoint {
	var all []endpoint
	add := func(external bool, process string, names ...string) {
		for _, n := range names {
			all = append(all, endpoint{process: process, name: n, external: external})
		}
	}
	for i := range min(max(t.Orderers.Nodes, 0), maxNodes) {
		add(false, ordererName(i), "listen", "admin", "operations")
	}
	for _, org := range t.Organisations {
		for i := range min(max(org.Peers, 0), maxNodes) {
			add(false, peerName(org.Name, i), "listen", "chaincode", "operations")
		}
		if org.Peers > 0 {
			add(false, chaincodeName(org.Name), "listen")
		}
		add(true, "api."+org.Name, "grpc", "rest", "metrics")
	}
	return all
}

func ordererName(i int) string          { return fmt.Sprintf("orderer%d", i) }
func peerName(org string, i int) string { return fmt.Sprintf("peer%d.%s", i, org) }
func chaincodeName(org string) string   { return "chaincode." + org }

func (t *Topology) organisation(name string) (Organisation, bool) {
	for _, org := range t.Organisations {
		if org.Name == name {
			return org, true
		}
	}
	return Organisation{}, false
}

// endorsing are the organisations that have peers.
func (t *Topology) endorsing() []Organisation {
	return slices.DeleteFunc(slices.Clone(t.Organisations), func(o Organisation) bool { return o.Peers == 0 })
}

// endorsementPolicy renders the rule for configtx: implicit over all members where all have peers; otherwise a
// signature policy over those that have, for an implicit majority would count members that can never endorse.
func (t *Topology) endorsementPolicy() (kind, rule string) {
	orgs := t.endorsing()
	if len(orgs) == len(t.Organisations) {
		return "ImplicitMeta", strings.ToUpper(string(t.Endorsement)) + " Endorsement"
	}
	need := len(orgs)/2 + 1
	switch t.Endorsement {
	case EndorsementAll:
		need = len(orgs)
	case EndorsementAny:
		need = 1
	case EndorsementMajority:
	}
	principals := make([]string, len(orgs))
	for i, o := range orgs {
		principals[i] = fmt.Sprintf("'%s.peer'", o.MSPID)
	}
	return "Signature", fmt.Sprintf("OutOf(%d, %s)", need, strings.Join(principals, ", "))
}
