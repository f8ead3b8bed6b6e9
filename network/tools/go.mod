module github.com/waybill-dev/waybill/network/tools

go 1.26

tool (
	github.com/bufbuild/buf/cmd/buf
	github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	google.golang.org/grpc/cmd/protoc-gen-go-grpc
	google.golang.org/protobuf/cmd/protoc-gen-go
	gotest.tools/gotestsum
	mvdan.cc/gofumpt
)

require (
	github.com/bufbuild/buf v1.75.0
	github.com/golangci/golangci-lint/v2 v2.15.0
	google.golang.org/grpc/cmd/protoc-gen-go-grpc v1.6.2
	google.golang.org/protobuf v1.36.11
	gotest.tools/gotestsum v1.13.0
	mvdan.cc/gofumpt v0.12.0
)
