package server

import (
	"bytes"
	"context"
	"fmt"

	"google.golang.org/grpc/codes"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

// documentElements reads the master data of a document that was found valid, as an input before its events; none
// if it has none. Documents without the words are not read for it.
func (s *Server) documentElements(data []byte) ([]eventInput, error) {
	if !bytes.Contains(data, []byte("ocabularyElement")) { // VocabularyElementList in XML, vocabularyElementList in JSON
		return nil, nil
	}
	head, err := epcis.ReadHead(bytes.NewReader(data), s.limits.epcis())
	if err != nil {
		return nil, faultsOf(err)[0]
	}
	stated, err := wire.DocumentElements(head)
	if err != nil {
		return nil, faultsOf(err)[0]
	}
	if len(stated) == 0 {
		return nil, nil
	}
	return []eventInput{{stated: stated}}, nil
}

// statedIn reads the master data in the header of a document that is sent for it alone.
func (s *Server) statedIn(document []byte) ([]wire.ElementEntry, error) {
	if len(document) == 0 {
		return nil, nil
	}
	if len(document) > s.limits.DocumentBytes {
		return nil, epcis.Fault{Code: epcis.CodeTooLarge, Message: fmt.Sprintf("the document has more than %d bytes; split it", s.limits.DocumentBytes)}
	}
	if !s.holdDocument(len(document)) {
		return nil, errDocuments()
	}
	defer s.documentBytes.Add(-int64(len(document)))
	head, err := epcis.ReadHead(bytes.NewReader(document), s.limits.epcis())
	if err != nil {
		return nil, faultsOf(err)[0]
	}
	stated, err := wire.DocumentElements(head)
	if err != nil {
		return nil, faultsOf(err)[0]
	}
	if len(stated) == 0 {
		return nil, refuse(codes.InvalidArgument, codeArgument, "the document's header holds no master data")
	}
	return stated, nil
}

// recordElements records what documents state of vocabulary elements and gives the last block that it wrote, 0 if
// none. What documentElements gave is not refused one by one, so that a refusal is an error of the whole.
func (s *Server) recordElements(ctx context.Context, stated []wire.ElementEntry) (block uint64, err error) {
	if len(stated) == 0 {
		return 0, nil
	}
	outcomes, err := s.cfg.Recorder.Elements(ctx, stated)
	if err = answersFit(len(outcomes), len(stated), err); err != nil {
		return 0, err
	}
	for i, o := range outcomes {
		if o.Err != nil {
			return 0, o.Err
		}
		if o.Status == ledger.StatusRefused {
			return 0, refuse(codes.InvalidArgument, o.Code, "vocabulary element %.200s: %s", stated[i].ID, o.Message)
		}
		s.metrics.answered("element", statusOf(o.Status))
		if o.Wrote() {
			block = max(block, o.Block)
		}
	}
	return block, nil
}
