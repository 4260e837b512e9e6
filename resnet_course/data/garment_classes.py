"""How each of the ten garments is cut: one function per class, painting a whole `Page` at a time.

Each number below is a length in page units (`raster`): the page is 2 wide and 2 high.
"""

import numpy as np

from resnet_course.data.raster import Array, Page, box, curve, ellipse, limb


def _top(page: Page, long_sleeves: float, bottom: Array, neck_depth: Array) -> tuple[Array, Array]:
    """Paint body, sleeves, neckline; return the y of the shoulders and the hem's half width.

    `long_sleeves` is the share of pictures that have them.
    """
    x, y = np.abs(page.x), page.y  # a garment is the same on both sides
    top, shoulder = page.between(-0.9, -0.75), page.between(0.36, 0.48)
    waist = shoulder * page.between(0.78, 1.02)
    hem = waist * page.between(0.95, 1.15)
    neck = shoulder * page.between(0.3, 0.55)
    width = curve(y, (top, neck), (top + 0.12, shoulder), (top + 0.7, waist), (bottom, hem))
    body = np.maximum(x - width, np.maximum(top - y, y - bottom))
    is_long = page.sometimes(long_sleeves) > 0
    reach = np.where(is_long, page.between(0.08, 0.36), page.between(0.14, 0.34))
    drop = np.where(is_long, page.between(0.85, 1.25), page.between(0.14, 0.48))
    start = (shoulder - 0.1, top + 0.2)
    end = (start[0] + reach, start[1] + drop)
    sleeve = limb(x, y, start, end, page.between(0.12, 0.17), page.between(0.07, 0.12))
    page.paint(sleeve, page.tone)
    page.paint(np.abs(sleeve) - 0.02, page.tone * 0.6, page.sometimes(0.6))  # shadow of the arm
    page.paint(body, page.tone)
    page.paint(ellipse(x, y - top, neck, neck_depth), 0.0)
    return top, hem


def _t_shirt(page: Page) -> None:
    bottom = page.between(0.5, 0.85)
    top, _ = _top(page, long_sleeves=0, bottom=bottom, neck_depth=page.between(0.1, 0.4))
    chest = page.y - top - page.between(0.5, 0.8)
    size = page.between(0.1, 0.26)
    page.trim(box(page.x, chest, size, page.between(0.06, 0.22)), 0.35)  # stripe
    page.trim(ellipse(page.x, chest, size, size), 0.25)  # print


def _trouser(page: Page) -> None:
    x, y = np.abs(page.x), page.y
    top, bottom = page.between(-0.92, -0.75), page.between(0.55, 0.95)
    waist = page.between(0.22, 0.36)
    hip = waist * page.between(1.05, 1.3)
    foot = page.between(0.18, 0.42)  # from the middle line to the middle of a trouser leg
    leg = page.between(0.07, 0.17)
    crotch = top + page.between(0.4, 0.7)
    outer = curve(y, (top, waist), (top + 0.4, hip), (bottom, foot + leg))
    inner = curve(y, (crotch, -0.1), (crotch + 0.1, 0.02), (bottom, foot - leg))
    legs = np.maximum(np.maximum(x - outer, inner - x), np.maximum(top - y, y - bottom))
    page.paint(legs, page.tone)
    page.trim(np.maximum(legs, np.abs(y - top - 0.04) - 0.05), 0.4)  # belt
    page.paint(box(page.x, y - top - 0.2, 0.02, 0.18), page.tone * 0.5, page.sometimes(0.5))


def _pullover(page: Page) -> None:
    bottom = page.between(0.55, 0.88)
    top, hem = _top(page, long_sleeves=1, bottom=bottom, neck_depth=page.between(0.06, 0.26))
    page.trim(box(page.x, page.y - bottom + 0.06, hem, 0.06), 0.5)  # band
    chest = box(page.x, page.y - top - page.between(0.4, 0.9), hem * 0.95, page.between(0.05, 0.2))
    page.trim(chest, 0.3)


def _dress(page: Page) -> None:
    x, y = np.abs(page.x), page.y
    top, bottom = page.between(-0.95, -0.8), page.between(0.75, 1.0)
    shoulder, waist = page.between(0.2, 0.36), page.between(0.14, 0.28)
    middle = page.between(-0.35, 0.05)
    hem = waist + page.between(0.03, 0.4)
    width = curve(y, (top, shoulder), (middle, waist), (bottom, hem))
    sleeve_end = (shoulder + page.between(0.05, 0.22), top + page.between(0.25, 1.0))
    sleeve = limb(x, y, (shoulder - 0.08, top + 0.16), sleeve_end, 0.11, 0.08)
    page.paint(sleeve, page.tone, page.sometimes(0.5))
    page.paint(np.maximum(x - width, np.maximum(top - y, y - bottom)), page.tone)
    page.paint(ellipse(x, y - top, shoulder * page.between(0.4, 0.8), page.between(0.1, 0.4)), 0.0)
    page.trim(box(x, y - middle, waist, 0.05), 0.45)


def _coat(page: Page) -> None:
    bottom = page.between(0.72, 1.0)
    top, hem = _top(page, long_sleeves=1, bottom=bottom, neck_depth=page.between(0.06, 0.3))
    line = np.where(page.sometimes(0.4) > 0, page.tone * 0.4, page.accent)
    page.paint(box(page.x, page.y - (top + bottom) / 2, 0.035, (bottom - top) / 2), line)
    lapel = limb(np.abs(page.x), page.y, (0.2, top + 0.05), (0.03, top + 0.6), 0.03, 0.05)
    page.paint(lapel, line, page.sometimes(0.55))
    pocket = box(np.abs(page.x) - hem * 0.6, page.y - bottom + page.between(0.4, 0.6), 0.09, 0.03)
    page.paint(pocket, line, page.sometimes(0.5))
    page.trim(box(page.x, page.y - 0.1, hem, 0.05), 0.25)


def _shirt(page: Page) -> None:
    bottom = page.between(0.55, 0.9)
    top, _ = _top(page, long_sleeves=0.65, bottom=bottom, neck_depth=page.between(0.08, 0.34))
    collar = limb(np.abs(page.x), page.y, (0.19, top + 0.02), (0.08, top + 0.22), 0.05, 0.06)
    page.trim(collar, 0.85)
    step = page.between(0.22, 0.34)
    row = page.y - top - 0.3
    row = np.where(row > -0.1, row - step * np.rint(row / step), 1.0)
    buttons = np.maximum(ellipse(page.x, row, 0.055, 0.055), page.y - bottom)
    front = box(page.x, page.y - (top + bottom) / 2, 0.06, (bottom - top) / 2)
    page.paint(front, page.tone * 0.85, page.sometimes(0.8))
    page.trim(buttons, 0.85)
    page.trim(box(page.x - 0.2, page.y - top - 0.6, 0.09, 0.09), 0.35)  # pocket


def _sandal(page: Page) -> None:
    page.mirror()
    x, y = page.x, page.y
    ground, heel = page.between(0.38, 0.62), page.between(0.06, 0.5)
    bed = ground - curve(x, (-0.75, heel), (0.25, 0.06))  # y of the surface under the foot
    sole = np.maximum(np.abs(x) - 0.85, np.abs(y - bed) - page.between(0.05, 0.11))
    block = np.maximum(np.abs(x + 0.68) - 0.15, np.maximum(bed - y, y - ground - 0.05))
    page.paint(np.minimum(sole, block), page.tone)
    # Straps are the parts of a shoe that slanted bands leave over.
    height = page.between(0.5, 0.9)
    foot = curve(x, (-0.8, height), (-0.3, height * 0.9), (0.2, 0.4), (0.8, 0.18))
    foot = np.maximum(np.maximum(bed - foot - y, y - bed), np.abs(x) - 0.82)
    for place, share in ((-0.6, 0.75), (-0.3, 0.5), (0.05, 0.6), (0.35, 0.75), (0.6, 0.4)):
        middle = page.between(place - 0.1, place + 0.1) + page.between(-0.7, 0.7) * (y - bed)
        band = np.abs(x - middle) - page.between(0.04, 0.12)
        page.trim(np.maximum(foot, band), share)
    page.trim(np.maximum(np.abs(foot) - 0.03, x + page.between(-0.1, 0.5)), 0.4)  # rim


def _shoe(page: Page, *, height: Array, opening: Array) -> tuple[Array, Array]:
    """Paint a shoe, toe on the right before mirroring; return y of the ground and of its top."""
    page.mirror()
    ground = page.between(0.42, 0.62)
    toe = page.between(0.2, 0.32)
    instep = opening + page.between(0.12, 0.4)
    rise = curve(page.x, (-0.8, height), (opening, height * 0.95), (instep, toe + 0.1), (0.7, toe))
    back = curve(page.y, (ground - 0.4, -0.72), (ground, -0.82))
    front = ellipse(page.x - 0.55, page.y - ground, 0.32, toe + 0.02)
    nose = np.where(page.x > 0.55, front, -1.0)
    upper = ground - rise
    shoe = np.maximum(np.maximum(upper - page.y, page.y - ground), np.maximum(back - page.x, nose))
    page.paint(shoe, page.tone)
    return ground, upper


def _sneaker(page: Page) -> None:
    height, opening = page.between(0.42, 0.8), page.between(-0.45, -0.1)
    ground, upper = _shoe(page, height=height, opening=opening)
    page.paint(box(page.x - 0.02, page.y - ground, 0.86, page.between(0.05, 0.11)), page.accent)
    for step in (0.12, 0.27, 0.42):
        eyelet = opening + step
        lace = limb(page.x, page.y - upper, (eyelet, 0.1), (eyelet - 0.1, 0.24), 0.03, 0.03)
        page.trim(lace, 0.7)
    stripe = limb(page.x, page.y, (-0.3, ground - 0.1), (0.0, ground - 0.3), 0.05, 0.05)
    page.trim(stripe, 0.5)


def _boot(page: Page) -> None:
    height, opening = page.between(0.75, 1.35), page.between(-0.3, 0.05)
    ground, upper = _shoe(page, height=height, opening=opening)
    heel = page.between(0.04, 0.24)
    page.paint(box(page.x + 0.58, page.y - ground - heel / 2, 0.22, heel / 2), page.tone * 0.7)
    page.trim(box(page.x, page.y - ground, 0.84, 0.04), 0.6)
    page.trim(box(page.x + 0.4, page.y - upper - 0.05, 0.4, 0.05), 0.4)  # rim
    zipper = limb(page.x, page.y, (-0.35, ground - height + 0.1), (-0.3, ground - 0.2), 0.03, 0.03)
    page.trim(zipper, 0.35)


def _bag(page: Page) -> None:
    x, y = page.x, page.y
    half_width, half_height = page.between(0.45, 0.85), page.between(0.25, 0.6)
    middle = page.between(0.1, 0.35)
    slope = page.between(-0.2, 0.25)
    side = np.abs(x) - half_width - slope * (y - middle)
    body = np.maximum(side, np.abs(y - middle) - half_height)
    grip = half_width * page.between(0.3, 0.9)
    handle = ellipse(x, y - middle + half_height, grip, page.between(0.2, 0.6))
    page.trim(np.abs(handle) - page.between(0.03, 0.06), 0.8)
    page.paint(body, page.tone)
    page.trim(np.maximum(body, y - middle + half_height * page.between(0.0, 0.7)), 0.5)  # flap
    page.trim(ellipse(x, y - middle, 0.09, 0.09), 0.5)


# In the order of Fashion-MNIST's classes.
PAINTERS = (_t_shirt, _trouser, _pullover, _dress, _coat, _sandal, _shirt, _sneaker, _bag, _boot)
