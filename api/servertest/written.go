package servertest

import (
	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// Written puts what a transaction recorded elsewhere into a block of its own and gives its number.
func (l *Ledger) Written(content wire.Transaction) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	tx := l.tx()
	return l.append([]readmodel.Recorded{{TxID: tx.ID, MSPID: MSPID, At: tx.Time, Transaction: content}})
}
