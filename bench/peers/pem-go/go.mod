module pem-go

go 1.22
