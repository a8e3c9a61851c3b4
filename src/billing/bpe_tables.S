// The packed tokens of both encodings (tools/pack_bpe.mjs), carried in the program.
    .section .rodata
    .balign 64
    .globl tollgate_bpe_cl100k_begin
    .globl tollgate_bpe_cl100k_end
tollgate_bpe_cl100k_begin:
    .incbin BPE_CL100K_FILE
tollgate_bpe_cl100k_end:
    .byte 0
    .balign 64
    .globl tollgate_bpe_o200k_begin
    .globl tollgate_bpe_o200k_end
tollgate_bpe_o200k_begin:
    .incbin BPE_O200K_FILE
tollgate_bpe_o200k_end:
    .byte 0
    .section .note.GNU-stack,"",@progbits
