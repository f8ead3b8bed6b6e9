package blocks

import (
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/protobuf/proto"
)

// Names in a channel's configuration: common/channelconfig and common/policies of Fabric.
const (
	groupOrderer     = "Orderer"
	groupApplication = "Application"
	keyMSP           = "MSP"
	keyConsenters    = "Orderers"
	policyBlocks     = "BlockValidation"
)

// Bounds on a configuration's policies.
const (
	maxPolicyDepth = 16
	maxRules       = 10_000
)

// config is a channel's configuration as far as blocks are verified by it.
type config struct {
	number        uint64 // of the block that set it
	sequence      uint64
	orderer       *common.ConfigGroup
	organisations map[string]*organisation
	ordererOrgs   []string
	consenters    map[uint32]*msp.SerializedIdentity
}

// configOf reads the configuration that a config block sets. It verifies nothing.
func configOf(b *common.Block, channel string) (*config, error) {
	if len(b.GetData().GetData()) != 1 {
		return nil, errors.New("not a config block")
	}
	var envelope common.Envelope
	if err := proto.Unmarshal(b.GetData().GetData()[0], &envelope); err != nil {
		return nil, err
	}
	var payload common.Payload
	if err := proto.Unmarshal(envelope.GetPayload(), &payload); err != nil {
		return nil, err
	}
	var header common.ChannelHeader
	if err := proto.Unmarshal(payload.GetHeader().GetChannelHeader(), &header); err != nil {
		return nil, err
	}
	if header.GetType() != int32(common.HeaderType_CONFIG) {
		return nil, errors.New("not a config block")
	}
	if header.GetChannelId() != channel {
		return nil, fmt.Errorf("a configuration of channel %q, not %q", header.GetChannelId(), channel)
	}
	var ce common.ConfigEnvelope
	if err := proto.Unmarshal(payload.GetData(), &ce); err != nil {
		return nil, err
	}
	root := ce.GetConfig().GetChannelGroup()
	c := &config{
		number: b.GetHeader().GetNumber(), sequence: ce.GetConfig().GetSequence(), orderer: root.GetGroups()[groupOrderer],
		organisations: map[string]*organisation{}, consenters: map[uint32]*msp.SerializedIdentity{},
	}
	if c.orderer == nil {
		return nil, errors.New("a configuration without orderers")
	}
	for _, name := range []string{groupOrderer, groupApplication} {
		for org, group := range root.GetGroups()[name].GetGroups() {
			o, err := parseOrganisation(group.GetValues()[keyMSP].GetValue())
			if err != nil {
				return nil, fmt.Errorf("organisation %s: %w", org, err)
			}
			c.organisations[o.id] = o
			if name == groupOrderer {
				c.ordererOrgs = append(c.ordererOrgs, o.id)
			}
		}
	}
	var consenters common.Orderers
	if v := c.orderer.GetValues()[keyConsenters]; v != nil {
		if err := proto.Unmarshal(v.GetValue(), &consenters); err != nil {
			return nil, fmt.Errorf("consenters: %w", err)
		}
	}
	for _, v := range consenters.GetConsenterMapping() {
		c.consenters[v.GetId()] = &msp.SerializedIdentity{Mspid: v.GetMspId(), IdBytes: v.GetIdentity()}
	}
	return c, nil
}

// isConfig reports whether the block holds a configuration, as Fabric decides it: one transaction, of that type.
func isConfig(data [][]byte) bool {
	if len(data) != 1 {
		return false
	}
	var envelope common.Envelope
	var payload common.Payload
	var header common.ChannelHeader
	return proto.Unmarshal(data[0], &envelope) == nil &&
		proto.Unmarshal(envelope.GetPayload(), &payload) == nil &&
		proto.Unmarshal(payload.GetHeader().GetChannelHeader(), &header) == nil &&
		header.GetType() == int32(common.HeaderType_CONFIG)
}

// allows evaluates the block validation policy over the signers, each listed once.
func (c *config) allows(signers []signer) bool {
	budget := maxRules
	return c.meets(c.orderer, policyBlocks, signers, 0, &budget)
}

func (c *config) meets(group *common.ConfigGroup, name string, signers []signer, depth int, budget *int) bool {
	policy := group.GetPolicies()[name].GetPolicy()
	if policy == nil || depth > maxPolicyDepth {
		return false
	}
	switch common.Policy_PolicyType(policy.GetType()) {
	case common.Policy_SIGNATURE:
		var e common.SignaturePolicyEnvelope
		if proto.Unmarshal(policy.GetValue(), &e) != nil {
			return false
		}
		return c.signed(e.GetRule(), e.GetIdentities(), signers, make([]bool, len(signers)), 0, budget)
	case common.Policy_IMPLICIT_META:
		var m common.ImplicitMetaPolicy
		if proto.Unmarshal(policy.GetValue(), &m) != nil {
			return false
		}
		n := len(group.GetGroups())
		need := n + 1
		switch m.GetRule() {
		case common.ImplicitMetaPolicy_ANY:
			need = 1
		case common.ImplicitMetaPolicy_ALL:
			need = n
		case common.ImplicitMetaPolicy_MAJORITY:
			need = n/2 + 1
		}
		met := 0
		for _, sub := range group.GetGroups() {
			if c.meets(sub, m.GetSubPolicy(), signers, depth+1, budget) {
				met++
			}
		}
		return n > 0 && met >= need
	case common.Policy_UNKNOWN, common.Policy_MSP:
		return false
	}
	return false
}

// signed evaluates a signature policy as common/cauthdsl does: each signer counts for one leaf.
func (c *config) signed(rule *common.SignaturePolicy, principals []*msp.MSPPrincipal, signers []signer, used []bool, depth int, budget *int) bool {
	if *budget--; *budget < 0 || depth > maxPolicyDepth {
		return false
	}
	switch r := rule.GetType().(type) {
	case *common.SignaturePolicy_SignedBy:
		if r.SignedBy < 0 || int(r.SignedBy) >= len(principals) {
			return false
		}
		for i, s := range signers {
			if o := c.organisations[s.mspID]; !used[i] && o != nil && o.satisfies(s, principals[r.SignedBy]) {
				used[i] = true
				return true
			}
		}
		return false
	case *common.SignaturePolicy_NOutOf_:
		met := int32(0)
		attempt := make([]bool, len(used))
		for _, sub := range r.NOutOf.GetRules() {
			copy(attempt, used)
			if c.signed(sub, principals, signers, attempt, depth+1, budget) {
				met++
				copy(used, attempt)
			}
		}
		return r.NOutOf.GetN() > 0 && met >= r.NOutOf.GetN()
	default:
		return false
	}
}

func firstPEM(raw []byte) []byte {
	if block, _ := pem.Decode(raw); block != nil {
		return block.Bytes
	}
	return nil
}
