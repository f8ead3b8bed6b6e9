package blocks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"github.com/waybill-dev/waybill/chaincode/wire"
)

// decode reads the block's transactions. What an invalid transaction holds may be anything; a valid
// one that cannot be read is a contradiction.
func decode(b *common.Block, chaincode string, configuration bool) (Block, error) {
	data := b.GetData().GetData()
	out := Block{Number: b.GetHeader().GetNumber(), Config: configuration, Transactions: make([]Transaction, len(data)), Raw: b}
	copy(out.Previous[:], b.GetHeader().GetPreviousHash())
	flags, err := validity(b, configuration)
	if err != nil {
		return Block{}, err
	}
	for i, raw := range data {
		tx, err := transaction(raw, chaincode)
		tx.Index = i
		tx.Code = int32(flags[i])
		tx.Valid = peer.TxValidationCode(tx.Code) == peer.TxValidationCode_VALID
		if err != nil && tx.Valid {
			return Block{}, fmt.Errorf("transaction %d is flagged valid and cannot be read: %w", i, err)
		}
		out.Transactions[i] = tx
	}
	return out, nil
}

// validity reads the peers' flags, one a transaction. A configuration that the orderers signed is valid.
func validity(b *common.Block, configuration bool) ([]byte, error) {
	data := b.GetData().GetData()
	if configuration {
		return make([]byte, len(data)), nil
	}
	all := b.GetMetadata().GetMetadata()
	if len(all) <= int(common.BlockMetadataIndex_TRANSACTIONS_FILTER) || len(all[common.BlockMetadataIndex_TRANSACTIONS_FILTER]) != len(data) {
		return nil, fmt.Errorf("not one validity flag for each of its %d transactions", len(data))
	}
	flags := all[common.BlockMetadataIndex_TRANSACTIONS_FILTER]
	if slices.Contains(flags, byte(peer.TxValidationCode_NOT_VALIDATED)) {
		return nil, fmt.Errorf("a transaction that the peer has not validated")
	}
	return flags, nil
}

// transaction reads as much as there is; with an error the result holds what was read before.
func transaction(raw []byte, chaincode string) (Transaction, error) {
	var tx Transaction
	var envelope common.Envelope
	if err := proto.Unmarshal(raw, &envelope); err != nil {
		return tx, err
	}
	var payload common.Payload
	if err := proto.Unmarshal(envelope.GetPayload(), &payload); err != nil {
		return tx, err
	}
	var header common.ChannelHeader
	if err := proto.Unmarshal(payload.GetHeader().GetChannelHeader(), &header); err != nil {
		return tx, err
	}
	tx.ID = header.GetTxId()
	tx.Time = header.GetTimestamp().AsTime()
	var signature common.SignatureHeader
	if err := proto.Unmarshal(payload.GetHeader().GetSignatureHeader(), &signature); err != nil {
		return tx, err
	}
	var creator msp.SerializedIdentity
	if err := proto.Unmarshal(signature.GetCreator(), &creator); err != nil {
		return tx, err
	}
	tx.CreatorMSP = creator.GetMspid()
	if header.GetType() != int32(common.HeaderType_ENDORSER_TRANSACTION) {
		return tx, nil
	}
	var t peer.Transaction
	if err := proto.Unmarshal(payload.GetData(), &t); err != nil {
		return tx, err
	}
	if len(t.GetActions()) != 1 {
		return tx, fmt.Errorf("%d actions", len(t.GetActions()))
	}
	var action peer.ChaincodeActionPayload
	if err := proto.Unmarshal(t.GetActions()[0].GetPayload(), &action); err != nil {
		return tx, err
	}
	var response peer.ProposalResponsePayload
	if err := proto.Unmarshal(action.GetAction().GetProposalResponsePayload(), &response); err != nil {
		return tx, err
	}
	var result peer.ChaincodeAction
	if err := proto.Unmarshal(response.GetExtension(), &result); err != nil {
		return tx, err
	}
	tx.Chaincode = result.GetChaincodeId().GetName()
	if tx.Chaincode == chaincode && len(result.GetEvents()) > 0 {
		var event peer.ChaincodeEvent
		if err := proto.Unmarshal(result.GetEvents(), &event); err != nil {
			return tx, err
		}
		if event.GetEventName() == wire.EventName && event.GetChaincodeId() == chaincode {
			tx.Event = event.GetPayload()
			if tx.Event == nil {
				tx.Event = []byte{}
			}
		}
	}
	return tx, tx.readWrites(result.GetResults(), chaincode)
}

func (tx *Transaction) readWrites(results []byte, namespace string) error {
	var set rwset.TxReadWriteSet
	if err := proto.Unmarshal(results, &set); err != nil {
		return err
	}
	for _, ns := range set.GetNsRwset() {
		var kv kvrwset.KVRWSet
		if err := proto.Unmarshal(ns.GetRwset(), &kv); err != nil {
			return err
		}
		tx.sets = append(tx.sets, namespaceWrites{ns.GetNamespace(), &kv, ns.GetCollectionHashedRwset()})
		if ns.GetNamespace() != namespace {
			continue
		}
		for _, w := range kv.GetWrites() {
			tx.Writes = append(tx.Writes, Write{Key: w.GetKey(), Value: w.GetValue(), Delete: w.GetIsDelete()})
		}
	}
	slices.SortStableFunc(tx.Writes, func(a, b Write) int { return strings.Compare(a.Key, b.Key) })
	return nil
}
