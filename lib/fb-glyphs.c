/* SPDX-License-Identifier: MIT */
/*
 * Characters: code page 437 as Unicode, the 8x16 font in a VGA BIOS, and what
 * Linux's console draws. That one's font is not here: its glyphs are known by
 * their hashes (FNV-1a, 64 bits, over 16 bytes of rows, the left pixel in bit
 * 7), which is enough to read a screen. tests/unit/fb.c compares them with the
 * font in a kernel.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/fb-int.h"

enum { ROM_MAX = 256 << 10 };

/* clang-format off */

/* The first 32, which are pictures on a screen, then those from 7Fh on. */
static const uint16_t low[32] = {
	0x0020, 0x263a, 0x263b, 0x2665, 0x2666, 0x2663, 0x2660, 0x2022,
	0x25d8, 0x25cb, 0x25d9, 0x2642, 0x2640, 0x266a, 0x266b, 0x263c,
	0x25ba, 0x25c4, 0x2195, 0x203c, 0x00b6, 0x00a7, 0x25ac, 0x21a8,
	0x2191, 0x2193, 0x2192, 0x2190, 0x221f, 0x2194, 0x25b2, 0x25bc,
};
static const uint16_t high[129] = {
	0x2302, 0x00c7, 0x00fc, 0x00e9, 0x00e2, 0x00e4, 0x00e0, 0x00e5,
	0x00e7, 0x00ea, 0x00eb, 0x00e8, 0x00ef, 0x00ee, 0x00ec, 0x00c4,
	0x00c5, 0x00c9, 0x00e6, 0x00c6, 0x00f4, 0x00f6, 0x00f2, 0x00fb,
	0x00f9, 0x00ff, 0x00d6, 0x00dc, 0x00a2, 0x00a3, 0x00a5, 0x20a7,
	0x0192, 0x00e1, 0x00ed, 0x00f3, 0x00fa, 0x00f1, 0x00d1, 0x00aa,
	0x00ba, 0x00bf, 0x2310, 0x00ac, 0x00bd, 0x00bc, 0x00a1, 0x00ab,
	0x00bb, 0x2591, 0x2592, 0x2593, 0x2502, 0x2524, 0x2561, 0x2562,
	0x2556, 0x2555, 0x2563, 0x2551, 0x2557, 0x255d, 0x255c, 0x255b,
	0x2510, 0x2514, 0x2534, 0x252c, 0x251c, 0x2500, 0x253c, 0x255e,
	0x255f, 0x255a, 0x2554, 0x2569, 0x2566, 0x2560, 0x2550, 0x256c,
	0x2567, 0x2568, 0x2564, 0x2565, 0x2559, 0x2558, 0x2552, 0x2553,
	0x256b, 0x256a, 0x2518, 0x250c, 0x2588, 0x2584, 0x258c, 0x2590,
	0x2580, 0x03b1, 0x00df, 0x0393, 0x03c0, 0x03a3, 0x03c3, 0x00b5,
	0x03c4, 0x03a6, 0x0398, 0x03a9, 0x03b4, 0x221e, 0x03c6, 0x03b5,
	0x2229, 0x2261, 0x00b1, 0x2265, 0x2264, 0x2320, 0x2321, 0x00f7,
	0x2248, 0x00b0, 0x2219, 0x00b7, 0x221a, 0x207f, 0x00b2, 0x25a0,
	0x00a0,
};

/* lib/fonts/font_8x16.c of Linux, by character. */
static const uint64_t linux_font[256] = {
	0x88201fb960ff6465, 0xfe09e601d741bbbd, 0x7a70dc12be8dd345,
	0x2aa678c556e1c595, 0x8e24c93399f9798b, 0x246d47ea3f7485a8,
	0xee4e701d668275ef, 0xbba25a0d7f71329d, 0x439f002f5a6ff2ad,
	0xae5bd87693f9c0f5, 0x42679b30ae845775, 0xd72855090a69f325,
	0x58a7ae19390917fb, 0xfa1f7be82090cfa0, 0x353b78ac8f990b4c,
	0xa707c7575655afc0, 0x404971011e037a2b, 0x6b5c09a2cfca578b,
	0x08a40c1a332cc49d, 0x290856e905826503, 0x12cd5d27c147663f,
	0x7b30720c64c8ba69, 0xd3b047641bfa3265, 0xca903d30861667e3,
	0xd0da07a39b8de75f, 0x95546facd817fe57, 0x344ee24c038bae6b,
	0xff31d852c62aa13b, 0x6b140b31f487dfdb, 0xd4c75762b03ce82b,
	0xd8f8351be402c93d, 0x56fd2c9c4378c08d, 0x88201fb960ff6465,
	0x5067aa45cb5796c9, 0x1fed2f8abbc27fa7, 0xd41af50103f05db1,
	0x8b04a5898d8cae25, 0x97c5b7cfd3280335, 0xd7bbea8c235c0c9d,
	0x68bb4ca6ed1ecf35, 0x63968e50055584ed, 0x8c079e275d11cbdd,
	0xce856f8242bb6fe0, 0xee10e528821112eb, 0xe7387afe5fe4656d,
	0x9dba1d3619c86a9b, 0xd24a5aa4bb08e945, 0xc92367728f491355,
	0x0e5c545bc8c0642d, 0x63a4028e196adfd3, 0x1d4e086d198c4acd,
	0xc8c8dad588d63fe7, 0xaaaa226cc2f69edd, 0xd829029caa189003,
	0xed50ed87b1f5d105, 0x350ea3b262745c29, 0x8b1a25e38a4357e7,
	0x061680b67793cce3, 0x8696c2c4240a5f55, 0xbba8901c4f13b925,
	0x8ca5a7541564a915, 0x08326affeb648c65, 0x07dbf56d99dedad3,
	0xf021520cd8303985, 0x12b4806eb6e8143f, 0x7ae61d631f8d704f,
	0x72e64a50dffd6887, 0x2fc2e999723b7c45, 0x352bed446fb3944d,
	0x94c7f30263183245, 0xbdf10b475879e0a7, 0x8d289a29ad8a2127,
	0x0c1f041da3d33c4d, 0x70e9ec90504227dd, 0x9b36d6957edb9b53,
	0x6248f73d1a69be2d, 0xcdbb0cbaad604cf7, 0x3ae0a5c2ec9b914d,
	0xf671ea2159a4fb3d, 0xf8d64373153f8a5d, 0xe97ac28632c6c083,
	0x204678abd008dc17, 0x260b26ae6bf279b7, 0x1d1407118d549737,
	0xbc599b7851d10e5b, 0x48998975cca57607, 0x99e279e79db4de6f,
	0xefb96cc8147a5127, 0x28b5e5897e4275b5, 0x83bc1f10e8e083bd,
	0xb57ffc23eefbf725, 0xaf7874bcc61d4edd, 0x810b7502fcbfd873,
	0xec1f5e1194e861fd, 0x5b419c1fdbb387f7, 0xfab67abc76e68df0,
	0xc47f7154771a7e99, 0xc88c5fcdf6ad9cb7, 0x32b120d27cb9e745,
	0xdb43f7e92d33a0f5, 0x426199dfd619954f, 0xcddaf3c0b86de84b,
	0x6a28bd59474f6f9d, 0x236776cfc3b1a22b, 0x1a33e51193444f41,
	0xd00298b66b1a3271, 0x24043e7cb09ab9a7, 0x8925402faa9566fb,
	0xa835eb9317371af9, 0x06e9a1907380ea39, 0xf9ac3aa22b600481,
	0x2523dc2ca08bd253, 0x30fb8eab45db3c63, 0xa2f742d37212cddd,
	0x2cd680fea1e6a4c1, 0x55f9b538846c8b19, 0xf139b821589faeb3,
	0xa173d370e933196b, 0x8ba4b03aead0ba27, 0xcb17199a8e8b63c9,
	0xf386cf8e25df8cbd, 0x5177477614530791, 0xc3dab543f32c9667,
	0xa1b6adb92683ba3d, 0x73452ce878486345, 0x7c4a567c1603e443,
	0x88387fd1fb2f0adf, 0x107c3f57587804f9, 0xba8539570f0d826d,
	0xce0268c1d1675977, 0xc6ca27496d699ff7, 0xea586e610198cbab,
	0x3601643423e94f2b, 0xca9a6c170a5eb0cf, 0xf60d4cd9d89b366b,
	0x7a8b28b22dbd0e9d, 0xb3c959cbaa456e37, 0xaa1825693564d85d,
	0x217b960a2a1a6eb3, 0xbdc41997f7dfb577, 0xc34618bf9669b763,
	0x93d8e40dd3b8f7b9, 0x68be004fc506ba27, 0x24fdeb4bc70d0475,
	0x169d98ae671f40d9, 0x73440dd96cf45001, 0x9c64dc186fe56b97,
	0xf119cb3b706f8c0f, 0xf5eef50fcb783785, 0x95010a88c5cafaeb,
	0x37c72003ed282db7, 0x31c340d5bccc49e3, 0xabe6a6bc1412ab17,
	0x9cdc74ff8dfe5c55, 0xa827eea1571f96b7, 0xa5874cb3dbd4e3a5,
	0xbc9bb285a7595e2f, 0xb35a635671597bf1, 0xe206551c601fc751,
	0x39f1363a55eb10be, 0xd8420d09c8679f1f, 0x2305d93dc79c994d,
	0x612bc1d8188e091b, 0x2f6a243b3a14a6b3, 0xd6b02cb91563aaf3,
	0xbb0105c033dbb119, 0x3a8d94767a0bf1c1, 0x026dd598b111c289,
	0x376b1c2f676627b1, 0xd27980f3fa80a41b, 0x8bd9f68791c7eb7b,
	0x75b65b2948074395, 0x45d5eb23972636b2, 0x56596d7fbfef9101,
	0x9205373e8e85872d, 0x99fdf970d213a5c3, 0x56ef9d6e91919c45,
	0x199e2bdbc11f8f15, 0x10f2e2725bc65ca5, 0xc321cba3e22b0065,
	0x7b41c88c280eb945, 0x7edf09d056b08e65, 0x5febc49c1ef412a5,
	0x700df3c70cd98a9b, 0x675aa99a955db8dd, 0x25d58797b1f7bbf5,
	0x3a811c0145b19765, 0xf5d2e58ca077feeb, 0x044e0837390c7f0d,
	0xcd924619b6dce33d, 0x12e97157238fa065, 0x1b65f64e96f5790d,
	0x4f43dd9b9ecd57e0, 0x0763da83e4b110c0, 0x14161b4648f95ec8,
	0x90f2a5fc410d17a0, 0x0a4fc7d8852d7488, 0x4912a2e486f0d080,
	0xb720b563b5b86c2d, 0x4c941f4a94eb0242, 0x9a92b08c19556b03,
	0xe874faf0c0c45335, 0x30c7e44fb80e4673, 0x338f37f7dd1082c5,
	0x08393209b13e3b9b, 0x8d6943dd3e41405d, 0x0f4064ef3f23098b,
	0x37b08bee7c018f55, 0x3a27f0bc2241ed2a, 0x49afb71172e9ca5d,
	0xd94e776e0c0b1978, 0x14bd482148ff71ea, 0xadf2dc7cb42d222d,
	0x959666d7bc7f2ae5, 0xb3e3ced332c89e38, 0x3e12aa658877419a,
	0x72ddf3902a3dfa2d, 0x0f4c3012f4edcb45, 0x5bf61e5e0315a5e8,
	0xd6607508f5a1e855, 0xb3326a44cc93f500, 0xfedfe572fcb22f65,
	0x09b044cfca58def5, 0x5357b0abb8206f10, 0x29654d07c00d7dfd,
	0x27cd203413b0358f, 0xe51de18f07e0468b, 0x2c56b8973aa3e5f3,
	0x367cfd08f67fe005, 0x3218e04e8123bc03, 0x3fa6e992eb1edef1,
	0x670ad2c6c870bd87, 0x260099575bb8cf2d, 0x047f63e6e8268c45,
	0x27b188acf95d5d11, 0x46561431b81d834d, 0x4088e81205d8ad78,
	0xace137ef356de133, 0xdef272b38e8aff21, 0x65cce6696f057e61,
	0xdb89a47d7d286a9b, 0xd64a760da944d155, 0xc325ef71cc827a0d,
	0x5f0b786bf92c214b, 0x5485c7bda726c735, 0xaed5c9de44ed3275,
	0x6d2442262d8f553b, 0x786c932b3d0f598d, 0x433ccd8ad2b3434d,
	0x51ee58c7a700c735, 0x5a18207f4f86762d, 0xf7df2c0e629d95a8,
	0x91bb87f8107790c7, 0x4b91bf4443021d9f, 0x9c7a63117580d61b,
	0x88201fb960ff6465,
};

/* clang-format on */

uint32_t
fb_cp437(uint8_t ch)
{
	return ch < 32 ? low[ch] : ch < 127 ? ch : high[ch - 127];
}

static uint64_t
hash(const uint8_t *rows)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (unsigned n = 0; n < FB_FONT_H; n++)
		h = (h ^ rows[n]) * 0x100000001b3u;
	return h;
}

/* Solid blocks, the halves of one, and blanks, all where they belong. */
static bool
is_font(const uint8_t *p)
{
	static const struct {
		uint8_t ch, row;
	} known[] = {{0x00, 0x00}, {0x20, 0x00}, {0xdb, 0xff}, {0xdd, 0xf0},
		{0xde, 0x0f}};

	for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++)
		for (unsigned n = 0; n < FB_FONT_H; n++)
			if (p[known[k].ch * FB_FONT_H + n] != known[k].row)
				return false;
	return p['A' * FB_FONT_H + 7] != 0;
}

const uint8_t *
fb_find_font(const void *rom, size_t size)
{
	const uint8_t *p = rom;

	for (; size >= FB_FONT; p++, size--)
		if (is_font(p))
			return p;
	return NULL;
}

static bool
load(const char *path, uint8_t font[FB_FONT], uint8_t *rom)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	const uint8_t *found = NULL;
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, rom, ROM_MAX);
	close(fd);
	if (n > 0)
		found = fb_find_font(rom, (size_t)n);
	if (found)
		memcpy(font, found, FB_FONT);
	return found != NULL;
}

/* The VGA BIOS that guests run here, where it is installed. */
const uint8_t *
fb_rom_font(const struct fb *fb)
{
	static const char *const paths[] = {
		"/usr/share/seabios/vgabios-stdvga.bin",
		"/usr/share/qemu/vgabios-stdvga.bin",
		"/usr/share/qemu-kvm/vgabios-stdvga.bin",
		"/usr/share/vgabios/vgabios.bin"};
	struct fb_work *w = fb->work;
	uint8_t *rom;

	if (w->sought_font)
		return w->has_font ? w->rom_font : NULL;
	w->sought_font = true;
	rom = malloc(ROM_MAX);
	for (size_t k = 0; rom && k < sizeof(paths) / sizeof(paths[0]); k++)
		if (!w->has_font)
			w->has_font = load(paths[k], w->rom_font, rom);
	free(rom);
	return w->has_font ? w->rom_font : NULL;
}

int
fb_glyph(const struct fb *fb, const uint8_t rows[FB_FONT_H])
{
	const uint8_t *rom = fb_rom_font(fb);
	uint64_t h = hash(rows);

	for (int ch = 1; ch < 255; ch++)
		if (linux_font[ch] == h ||
			(rom && memcmp(rom + ch * FB_FONT_H, rows, FB_FONT_H) ==
					0))
			return ch;
	return -1;
}
