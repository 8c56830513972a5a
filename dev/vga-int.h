/* SPDX-License-Identifier: MIT */
/* What the card's parts share: its registers, and what follows from them. */
#ifndef DEV_VGA_INT_H
#define DEV_VGA_INT_H

#include "dev/vga.h"

enum { /* miscellaneous output */
	MISC_COLOUR = 0x01 /* 3Dxh, not 3Bxh */
};
enum { /* sequencer */
	SEQ_CLOCKING = 1,
	SEQ_MAP_MASK,
	SEQ_FONTS,
	SEQ_MEMORY,
	SEQ_REGS = 5,
	CLOCKING_8DOT = 0x01,
	CLOCKING_HALF = 0x08,
	CLOCKING_OFF = 0x20,
	MEMORY_SEQUENTIAL = 0x04, /* no odd/even */
	MEMORY_CHAIN4 = 0x08
};
enum { /* graphics controller */
	GR_SET_RESET,
	GR_ENABLE_SET,
	GR_COMPARE,
	GR_FUNCTION,
	GR_READ_MAP,
	GR_MODE,
	GR_MISC,
	GR_DONT_CARE,
	GR_BIT_MASK,
	GR_REGS,
	GR_MODE_COMPARE = 0x08,
	GR_MODE_ODDEVEN = 0x10,
	GR_MODE_SHIFT = 0x60, /* 20h: as CGA; 40h: 256 colours */
	GR_MISC_GRAPHICS = 0x01
};
enum { /* attribute controller */
	AR_MODE = 0x10,
	AR_OVERSCAN,
	AR_PLANES,
	AR_PAN,
	AR_SELECT,
	AR_REGS,
	AR_INDEX_ON = 0x20, /* of its index: the palette goes to the screen */
	AR_MODE_MONO = 0x02,
	AR_MODE_LINE_ART = 0x04,
	AR_MODE_BLINK = 0x08,
	AR_MODE_256 = 0x40,
	AR_MODE_SELECT = 0x80
};
enum { /* CRT controller */
	CR_HDISP = 0x01,
	CR_OVERFLOW = 0x07,
	CR_PRESET,
	CR_MAX_SCAN,
	CR_CURSOR_FROM,
	CR_CURSOR_TO,
	CR_START_HI,
	CR_START_LO,
	CR_CURSOR_HI,
	CR_CURSOR_LO,
	CR_VSYNC_END = 0x11,
	CR_VDISP,
	CR_OFFSET,
	CR_UNDERLINE,
	CR_MODE = 0x17,
	CR_COMPARE,
	CR_REGS,
	CR_PROTECT = 0x80 /* of CR_VSYNC_END */
};
enum { /* VBE */
	VBE_ID,
	VBE_XRES,
	VBE_YRES,
	VBE_BPP,
	VBE_ENABLE,
	VBE_BANK,
	VBE_VIRT_WIDTH,
	VBE_VIRT_HEIGHT,
	VBE_X_OFFSET,
	VBE_Y_OFFSET,
	VBE_RAM, /* in 64 KiB; read only */
	VBE_REGS,
	VBE_ENABLED = 0x01, /* of VBE_ENABLE */
	VBE_GETCAPS = 0x02,
	VBE_DAC8 = 0x20,
	VBE_LFB = 0x40,
	VBE_NOCLEAR = 0x80,
	VBE_ID_LEAST = 0xb0c0,
	VBE_ID_LAST = 0xb0c5
};

struct vga_regs { /* saved */
	struct pci_regs pci;
	uint32_t latch; /* a byte each plane */
	uint16_t vbe[VBE_REGS];
	uint16_t vbe_index;
	uint8_t vbe_low; /* a data byte that waits for the high one */
	uint8_t big_endian; /* stored */
	uint8_t misc, feature, enable;
	uint8_t reads; /* of the input status, modulo 2 */
	uint8_t seq_index, seq[SEQ_REGS];
	uint8_t gr_index, gr[GR_REGS];
	uint8_t ar_index, ar_data, ar[AR_REGS]; /* ar_data: it comes next */
	uint8_t cr_index, cr[CR_REGS];
	uint8_t dac_mask, dac_read, dac_write, dac_sub, dac_reading;
	uint8_t dac_new[3]; /* of the entry that is being written */
	uint8_t palette[768]; /* as written */
	uint8_t spare; /* 0 */
};

struct vga_line { /* what VBE registers come to; all of it within video RAM */
	uint32_t width, height, bpp, bytes; /* a pixel; 0: 4 bpp */
	uint32_t pitch, start, pan, virt_width, virt_height;
};

enum vga_path { /* how the window's bytes find video RAM */
	VGA_NONE,
	VGA_LINEAR, /* as they are */
	VGA_TEXT, /* pairs in odd/even: the first two of four */
	VGA_PLANES /* one by one through the planes' logic */
};

struct vga {
	struct dev dev;
	struct pci_fn fn;
	struct vga_regs r;
	struct vga_host h;
	uint8_t edid[256];
	/* What follows from the registers. */
	enum vga_path rd, wr;
	bool packed; /* text is */
	uint32_t at, size; /* of the window, from A0000h */
	uint32_t bank; /* bytes; 4 bpp: of a plane */
	uint32_t units; /* 4-byte units that planes have; a power of two */
	struct fb_head next;
};

static inline bool
vga_vbe(const struct vga_regs *r)
{
	return r->vbe[VBE_ENABLE] & VBE_ENABLED;
}

/* vga.c: registers changed: the window, the picture; the palette, too. */
void vga_changed(struct vga *);
void vga_recolour(struct vga *);

/* vga-ports.c: port 3B0h + off. */
uint8_t vga_in(struct vga *, unsigned off);
void vga_out(struct vga *, unsigned off, uint8_t val);
/* Several of them, lowest first. */
uint64_t vga_ports_in(struct vga *, unsigned off, unsigned size);
void vga_ports_out(struct vga *, unsigned off, unsigned size, uint64_t val);
/* Bits that registers do not have are 0. */
bool vga_ports_sane(const struct vga_regs *);

/* vga-vbe.c */
uint16_t vga_vbe_read(const struct vga *, unsigned index);
void vga_vbe_write(struct vga *, unsigned index, uint16_t val);
void vga_vbe_line(const struct vga_regs *, uint32_t ram, struct vga_line *);
uint64_t vga_mmio_read(struct vga *, uint64_t off, unsigned size);
void vga_mmio_write(struct vga *, uint64_t off, unsigned size, uint64_t val);

/* vga-pack.c: text is packed where that may be and is not, and the other way
 * round; planes 0 and 1 are brought up to date. */
void vga_pack(struct vga *);
void vga_unpack(struct vga *);
void vga_forget(struct vga *); /* what is packed: other planes were loaded */

/* vga-mem.c: the window; size 1 to 8, aligned. */
void vga_window(struct vga *); /* it changed */
uint64_t vga_mem_read(struct vga *, uint32_t off, unsigned size);
void vga_mem_write(struct vga *, uint32_t off, unsigned size, uint64_t val);

/* vga-mode.c: what is to be seen, of these registers; both pure. */
void vga_picture(const struct vga_regs *, uint32_t ram, struct fb_head *);
void vga_palette(const struct vga_regs *, struct fb_head *);

/* vga-edid.c: 128 bytes, and zeros. */
void vga_edid(uint8_t edid[256]);

#endif
